"""What a process has used, as Linux tells it."""

from dataclasses import dataclass
from pathlib import Path


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
