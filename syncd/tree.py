"""Snapshots of a folder, and their difference. Pure.

A snapshot maps paths to entries. Paths are bytes, as on disk: relative, '/'-separated,
never empty, for the folder itself has no entry.
"""

import enum
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field


class Kind(enum.StrEnum):
    """What a path is. Sockets, pipes and devices are none of these."""

    FILE = "f"
    DIR = "d"
    LINK = "l"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a container must hold at a path, to the last bit that syncd promises.

    Attributes:
        mode: Permission bits (0o777); 0 for links, which have none of their own.
        size: Bytes; files only.
        digest: SHA-256, 32 bytes; files only.
        target: Where the link points, uninterpreted; links only.
        stamp: The scanner's fingerprint of the stat result that the entry was read
            under; 0 trusts nothing. It is no part of the value.
    """

    kind: Kind
    mode: int = 0
    size: int = 0
    digest: bytes = b""
    target: bytes = b""
    stamp: int = field(default=0, compare=False, repr=False)


Tree = Mapping[bytes, Entry]


@dataclass(frozen=True, slots=True)
class Change:
    """What to do at a path: make it `entry`, or take it away where that is None."""

    path: bytes
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Problem:
    """A path that cannot be taken into a snapshot as it is, and why.

    Attributes:
        unread: What is there, or below it, is not known. So it may not be taken for
            gone, even if the snapshot has nothing of it.
    """

    path: bytes
    reason: str
    unread: bool = True


def diff(old: Tree, new: Tree, doubt: Collection[bytes] = ()) -> tuple[Change, ...]:
    """Return the changes that turn `old` into `new`, sorted by path.

    A path in `doubt` is always among them: only writing it settles it.
    """
    return diff_paths(old, new, old.keys() | new.keys(), doubt)


def diff_paths(
    old: Tree, new: Tree, paths: Collection[bytes], doubt: Collection[bytes] = ()
) -> tuple[Change, ...]:
    """Return what `diff` would, looking at `paths` and those in `doubt` alone."""
    doubtful = frozenset(doubt)
    moved = {path for path in paths if old.get(path) != new.get(path)}
    return tuple(Change(path, new.get(path)) for path in sorted(moved | doubtful))


def apply(tree: Tree, changes: Collection[Change]) -> dict[bytes, Entry]:
    """Return `tree` as it is once `changes` are made."""
    result = dict(tree)
    for change in changes:
        if change.entry is None:
            result.pop(change.path, None)
        else:
            result[change.path] = change.entry
    return result


def above(path: bytes) -> Iterator[bytes]:
    """Yield the folders above `path`, from the top down, without the root."""
    end = path.find(b"/")
    while end >= 0:
        yield path[:end]
        end = path.find(b"/", end + 1)
