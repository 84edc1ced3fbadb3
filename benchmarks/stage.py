"""A Pod to sync into, looked at from outside: from the node, without syncd."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.kube import Kube, Workload, fresh_namespace
from tests.cluster.watching import Syncd, Watching


REMOTE = "/srv"
LONG_S = 600.0
AGENT = b"# syncd agent"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stage:
    """A folder, a container, and syncd to bring the one into the other."""

    web: Workload
    local: Path
    syncd: Syncd

    @contextmanager
    def watching(self) -> Iterator[Watching]:
        """Run `syncd watch` from when it is in step."""
        target = f"{self.web.target}:{REMOTE}"
        namespace = self.web.kube.namespace
        with self.syncd.watch(str(self.local), target, "-n", namespace) as run:
            run.until("syncd.in_step", timeout_s=LONG_S)
            yield run

    def seen(self) -> Path | None:
        """Return the container's folder as this machine sees it, if it is the node."""
        (pod,) = self.web.pods()
        container = pod["status"]["containerStatuses"][0]["containerID"]
        pid = _first_process(container.rpartition("/")[2])
        root = Path(f"/proc/{pid}/root{REMOTE}")
        return root if pid and root.is_dir() else None


@contextmanager
def stage(home: Path) -> Iterator[Stage]:
    """Make a namespace with one Pod of one container; delete it at the end."""
    local = home / "local"
    local.mkdir()
    with fresh_namespace("syncd-bench") as namespace:
        yield Stage(
            Workload(Kube(namespace), "web").apply(), local, Syncd(home / "syncd")
        )


def fill(folder: Path, files: int, size: int, *, salt: bytes = b"") -> None:
    """Write that many files of that size, all different, a hundred to a folder."""
    for number in range(files):
        path = folder / f"folder{number // 100:04}" / f"file{number:06}.py"
        if number % 100 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        head = b"%s %d " % (salt, number)
        path.write_bytes((head * size)[:size])


def until_holds(path: Path, content: bytes, deadline_s: float = 10.0) -> float:
    """Wait until a file holds `content`; return when, on the monotonic clock."""
    end = time.perf_counter() + deadline_s
    while (now := time.perf_counter()) < end:
        try:
            if path.read_bytes() == content:
                return time.perf_counter()
        except FileNotFoundError:
            pass
        time.sleep(0.0002)
    raise TimeoutError(f"{path} is not there after {now} s")


# --- processes --------------------------------------------------------------------


def _first_process(container: str) -> int:
    """Return the process that is number 1 in a container, as this machine numbers it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = container in (folder / "cgroup").read_text()
            if inside and (_status(int(folder.name), "NSpid") or "").split()[-1:] == [
                "1"
            ]:
                return int(folder.name)
        except OSError:
            continue
    return 0


def agent() -> int:
    """Return the agent that runs on this machine, as the node sees it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if AGENT in line and b"kubectl" not in line and int(folder.name) != os.getpid():
            return int(folder.name)
    return 0


def _status(pid: int, key: str) -> str | None:
    found = re.search(
        rf"^{key}:\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
    )
    return found and found[1]


def rss_mb(pid: int, *, most: bool = False) -> float:
    """Return how much memory a process holds, or held at most."""
    return int((_status(pid, "VmHWM" if most else "VmRSS") or "0 kB").split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine(*, cluster: bool = True) -> str:
    """Return what this was measured on, and with which Kubernetes."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    load = " ".join(f"{x:.2f}" for x in os.getloadavg())
    said = Kube()("version", "--short", check=False) if cluster else ""
    version = said.rpartition("Server Version: ")[2].strip() or "not asked"
    return (
        f"{os.cpu_count()} cores ({model[1] if model else 'unknown'}), Python"
        f" {sys.version.split()[0]}, Kubernetes {version}, load {load}"
    )
