"""Processes that a test has not started itself, by what `/proc` says."""

from pathlib import Path


def is_there(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it may end while it is read
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
