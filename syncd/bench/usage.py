"""What a process has used, as Linux tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from syncd.bench.inside import run_in
from syncd.cluster import Api, Replica
from syncd.errors import SyncdError


# Prints a line for each agent that a container has. The brackets keep the shell from
# finding itself, and one grep for all processes keeps the look short.
AGENTS = """
for each in $(grep -l '# syncd [a]gent' /proc/[0-9]*/cmdline); do
  each=${each%/cmdline}
  echo "$(cat $each/task/*/schedstat | head -n 1) $(grep VmHWM $each/status)"
done 2>/dev/null
true
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process since its start.

    Attributes:
        cpu_s: Processor time of all its threads.
        peak_rss: Bytes.
    """

    cpu_s: float
    peak_rss: int


def used(pid: int, proc: Path = Path("/proc")) -> Usage | None:
    """Return what the process has used, or None where that cannot be read."""
    try:
        threads = list((proc / str(pid) / "task").glob("*/schedstat"))
        ran_ns = sum(int(thread.read_text().split()[0]) for thread in threads)
        status = (proc / str(pid) / "status").read_text()
    except (OSError, ValueError, IndexError):
        return None
    peak = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    if not threads or not peak:
        return None
    return Usage(ran_ns / 1e9, int(peak[0].split()[1]) * 1024)


async def of_agents(api: Api, replicas: Iterable[Replica]) -> Usage | None:
    """Return what the agents have used: processor of all, memory of the largest.

    None where that cannot be seen from inside the containers.
    """
    found = []
    for replica in replicas:
        try:
            found += parsed(await run_in(api, replica, AGENTS))
        except SyncdError:
            return None
    if not found:
        return None
    return Usage(sum(u.cpu_s for u in found), max(u.peak_rss for u in found))


def parsed(said: bytes) -> list[Usage]:
    """Return what each line `NANOSECONDS … VmHWM: N kB` says."""
    found = []
    for line in said.decode("ascii", "replace").splitlines():
        head, _, peak = line.partition("VmHWM:")
        ran, size = head.split()[:1], peak.split()[:1]
        if ran and size:
            found.append(Usage(int(ran[0]) / 1e9, int(size[0]) * 1024))
    return found
