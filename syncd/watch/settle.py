"""When hints are due: soon after a lone save, later after the last of many. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quiet:
    """How long nothing must happen before hints are due.

    Attributes:
        lone_ms: After a lone save.
        burst_ms: After several changes, or in the middle of one.
        cap_ms: Constant writing is told after this long all the same.
    """

    lone_ms: float = 10
    burst_ms: float = 50
    cap_ms: float = 1000


@dataclass(frozen=True, slots=True)
class Hints:
    """Where to look again.

    Attributes:
        at: Monotonic time, in seconds, of the first event.
        paths: What may have changed, by the index of the root, relative to it.
        everything: The roots in which anything may have changed.
        lost: The roots whose folder went. Nothing is known of what was in it. Where
            another stands there already, the root is in `everything` as well.
        asked: How often it was asked until now to look at everything, events or not.
    """

    at: float
    paths: Mapping[int, frozenset[bytes]]
    everything: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    asked: int = 0


@dataclass(slots=True)
class _Seen:
    """What happened to a path since the last hints.

    Attributes:
        born: The first that was seen of it is that it came.
        gone: The last that was seen of it is that it went.
        unfinished: Someone may be about to write more.
    """

    born: bool
    gone: bool
    unfinished: bool


class Settler:
    """Gathers events until they are due. All times are monotonic seconds.

    An editor's save is lone even if it takes several steps: of the names that were seen,
    all in one folder, one lasts; the others came and went. A file that went is not lone:
    editors move a file away before they write it anew, and it had better not be taken
    from a container in between.

    Args:
        quiet: How long to wait.
    """

    def __init__(self, quiet: Quiet) -> None:
        self._quiet = quiet
        self._seen: dict[tuple[int, bytes], _Seen] = {}
        self._everything: set[int] = set()
        self._lost: set[int] = set()
        self._asked = 0
        self._first: float | None = None
        self._last = 0.0

    @property
    def due(self) -> float | None:
        """When hints are due if nothing more happens; None if there are none."""
        if self._first is None:
            return None
        if self._lost - self._everything:
            return self._first
        quiet_ms = self._quiet.lone_ms if self._is_lone() else self._quiet.burst_ms
        quiet_end = self._last + quiet_ms / 1000
        return min(quiet_end, self._first + self._quiet.cap_ms / 1000)

    def note(
        self,
        now: float,
        root: int,
        path: bytes,
        *,
        born: bool = False,
        gone: bool = False,
        unfinished: bool = False,
    ) -> None:
        """Gather that something happened to `path`.

        Args:
            now: When.
            root: The index of the root that the path is relative to.
            path: What it happened to.
            born: The path was not there before.
            gone: The path is not there any more.
            unfinished: More may follow at once: a file is open for writing.
        """
        self._happened(now)
        seen = self._seen.get((root, path))
        if seen is None:
            self._seen[root, path] = _Seen(born, gone, unfinished)
        else:
            seen.gone, seen.unfinished = gone, unfinished

    def note_everything(self, now: float, root: int) -> None:
        """Gather that anything may have happened in a root."""
        self._happened(now)
        self._everything.add(root)

    def note_lost(self, now: float, root: int) -> None:
        """Gather that a root is gone; what was gathered of it says nothing now."""
        self._happened(now)
        self._lost.add(root)
        self._everything.discard(root)
        self._seen = {key: seen for key, seen in self._seen.items() if key[0] != root}

    def ask(self, now: float) -> int:
        """Have everything looked at once; return the number of this question."""
        self._happened(now)
        self._asked += 1
        return self._asked

    def take(self) -> Hints:
        """Return what was gathered, and start anew."""
        assert self._first is not None, "nothing was gathered"
        paths: dict[int, set[bytes]] = {}
        for root, path in self._seen:
            if root not in self._everything:
                paths.setdefault(root, set()).add(path)
        hints = Hints(
            self._first,
            {root: frozenset(found) for root, found in paths.items()},
            frozenset(self._everything),
            frozenset(self._lost),
            self._asked,
        )
        self._seen.clear()
        self._everything.clear()
        self._lost.clear()
        self._first = None
        return hints

    def _happened(self, now: float) -> None:
        if self._first is None:
            self._first = now
        self._last = now

    def _is_lone(self) -> bool:
        # No editor needs more names than this to save one file.
        if self._everything or len(self._seen) > 8:
            return False
        folders = {(root, path.rpartition(b"/")[0]) for root, path in self._seen}
        lasting = [s for s in self._seen.values() if not (s.born and s.gone)]
        pending = any(s.unfinished or s.gone for s in lasting)
        return len(folders) <= 1 and len(lasting) <= 1 and not pending
