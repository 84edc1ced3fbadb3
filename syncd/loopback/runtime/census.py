"""Which processes are in a container, and how much memory they hold. Stdlib only.

A memory limit is emulated: a control group needs rights that a node of processes does
not have. What is summed is resident memory, looked at ten times a second, so a process
that grows faster than that passes its limit for a moment. Where there is no `/proc`
nothing is limited.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Census:
    """Looks at the processes of containers."""

    def __init__(self, *, isolated: bool) -> None:
        self._isolated = isolated

    def fattest_above(self, known: Iterable[int], limit: int) -> int:
        """Return the largest process of a container above its limit, or 0.

        Whom the kernel would kill: the largest, not the one that asked for more.
        `known` are the processes of the container that the shim itself started.
        """
        sizes = {pid: _resident(pid) for pid in self.members(known)}
        if sum(sizes.values()) <= limit:
            return 0
        return max(sizes, key=lambda pid: (sizes[pid], -pid))

    def members(self, known: Iterable[int]) -> Iterator[int]:
        """Yield all processes of the container that has the `known` ones."""
        homes = {self._home(pid) for pid in known} - {None}
        return (pid for pid in _pids() if self._home(pid) in homes)

    def descendants(self, root: int) -> set[int]:
        """Return every process below `root`, where `/proc` can tell."""
        parents = {pid: _parent(pid) for pid in _pids()}
        found: set[int] = set()
        border = {root}
        while border:
            border = {pid for pid, parent in parents.items() if parent in border}
            border -= found
            found |= border
        return found

    def _home(self, pid: int) -> int | None:
        """What processes of one container share: a PID namespace, else a session."""
        try:
            if self._isolated:
                return (_PROC / str(pid) / "ns/pid").stat().st_ino
            return os.getsid(pid)
        except OSError:
            return None


def _pids() -> list[int]:
    try:
        return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _parent(pid: int) -> int:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])
