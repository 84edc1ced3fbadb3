"""What is in a folder here, and in one in a container: seen without syncd."""

import hashlib
import io
import os
import stat
import subprocess
import tarfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from tests.cluster.kube import Kube, Workload


SHOWN = 12

# In a container: waits for an agent, and kills it as the kernel would.
KILL_AN_AGENT = """
import os, signal, time
killed, until = False, time.monotonic() + 10
while not killed and time.monotonic() < until:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"# syncd agent" in file.read():
                    os.kill(int(pid), signal.SIGKILL)
                    killed = True
                    print("killed", pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
"""

Node = tuple[str, int, str]
"""Kind, mode, and what is in it: a digest, or where it points."""

Tree = dict[bytes, Node]


def here(root: Path, *, without: Collection[bytes] = ()) -> Tree:
    """Return what is below a local folder, by path; `without` are names to leave out."""
    tree: Tree = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.fsencode(name) not in without]
        for name in (*folders, *files):
            path = Path(folder, name)
            if os.fsencode(name) not in without:
                tree[os.fsencode(path.relative_to(root))] = _node(path)
    return tree


def _node(path: Path) -> Node:
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return _link(os.fsdecode(path.readlink()))
    if stat.S_ISDIR(found.st_mode):
        return _folder(mode)
    return _file(mode, path.read_bytes())


def _link(target: str) -> Node:
    return "link", 0, target


def _folder(mode: int) -> Node:
    return "folder", mode | 0o700, ""


def _file(mode: int, content: bytes) -> Node:
    return "file", mode, f"{len(content)} bytes {hashlib.sha256(content).hexdigest()}"


def there(
    kube: Kube, pod: str, folder: str, *, without: Collection[bytes] = ()
) -> Tree:
    """Return what is below a folder in the container `app` of a Pod.

    Raises:
        OSError: If it could not be read, or was changed meanwhile.
    """
    argv = ["kubectl", "-n", kube.namespace, "exec", pod, "-c", "app", "--"]
    tar = ["tar", "-C", folder, "-cf", "-", "."]
    done = subprocess.run([*argv, *tar], capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise OSError(done.stderr.decode("utf-8", "replace"))
    tree = _unpacked(done.stdout)
    return {
        path: node
        for path, node in tree.items()
        if not set(path.split(b"/")) & set(without)
    }


def _unpacked(archive: bytes) -> Tree:
    tree: Tree = {}
    stream = io.BytesIO(archive)
    with tarfile.open(
        fileobj=stream, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for member in tar:
            path = os.fsencode(member.name).removeprefix(b"./")
            mode = member.mode & 0o777
            if member.issym():
                tree[path] = _link(member.linkname)
            elif member.isdir():
                tree[path] = _folder(mode)
            else:
                file = tar.extractfile(member)
                assert file is not None
                tree[path] = _file(mode, file.read())
    tree.pop(b".", None)
    return tree


def difference(ours: Tree, theirs: Tree) -> str:
    """Return how two trees differ, in lines, or ""."""
    paths = [p for p in sorted({*ours, *theirs}) if ours.get(p) != theirs.get(p)]
    lines = [f"{p!r}: here {ours.get(p)}, there {theirs.get(p)}" for p in paths]
    more = [f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join(lines[:SHOWN] + more)


def running_agents(workload: Workload) -> int:
    """Return how many agents run in one of its containers."""
    cat = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    return workload.sh(cat).count("# syncd agent")


def until_equal(
    workload: Workload,
    local: Path,
    remote: str,
    *,
    story: Callable[[], str] = str,
    replicas: int = 1,
    without: Collection[bytes] = (),
    within_s: float = 60.0,
) -> None:
    """Wait until every container of a workload holds what a local folder holds.

    Each look is a `kubectl exec` in every container, so that this is no busy loop.
    """
    ours = here(local, without=without)
    deadline = time.monotonic() + within_s
    while (wrong := _wrong(workload, ours, remote, replicas, without)) != "":
        if time.monotonic() > deadline:
            raise AssertionError(f"not equal after {within_s} s:\n{wrong}\n{story()}")


def _wrong(
    workload: Workload,
    ours: Tree,
    remote: str,
    replicas: int,
    without: Collection[bytes],
) -> str:
    pods = [pod["metadata"]["name"] for pod in workload.pods()]
    if len(pods) != replicas:
        return f"{len(pods)} Pods instead of {replicas}"
    for pod in pods:
        try:
            wrong = difference(ours, there(workload.kube, pod, remote, without=without))
        except OSError as error:
            return f"{pod}: {error}"
        if wrong:
            return f"{pod}:\n{wrong}"
    return ""
