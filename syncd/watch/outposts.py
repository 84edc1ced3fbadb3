"""What is watched outside of the roots: the way to each of them, and rules above it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncd.watch import inotify
from syncd.watch.inotify import Inotify
from syncd.watch.root import Watched


_MOST_LINKS = 40  # the kernel follows no more of them either


@dataclass(slots=True)
class Post:
    """A folder outside of a root, or above it.

    Attributes:
        way: Names in it that lead to the root: links on the way, and the root itself.
        rules: Names in it of files that hold rules of the root.
    """

    way: set[bytes] = field(default_factory=set)
    rules: set[bytes] = field(default_factory=set)


class Outposts:
    """The folders that are watched for the sake of a root that they are not part of.

    Args:
        kernel: Where watches are added.
    """

    def __init__(self, kernel: Inotify) -> None:
        self._kernel = kernel
        self._posts: dict[int, dict[int, Post]] = {}

    def at(self, wd: int) -> Mapping[int, Post]:
        """Return what the folder with a number is to the roots, by their index."""
        return self._posts.get(wd, {})

    def ended(self, wd: int) -> Iterable[int]:
        """Take that a watch has ended; return the roots that had it."""
        return self._posts.pop(wd, {})

    def watch(self, root: int, watched: Watched) -> None:
        """Watch the way to a root, and for rule files above it; more is not undone."""
        for folder, names in way(watched.path.absolute()).items():
            self._watch(root, folder, inotify.MOVES if names else 0).way |= names
        for folder, rules in watched.ignore.outside:
            self._watch(root, folder, inotify.CONTENT).rules |= rules

    def _watch(self, root: int, folder: Path, mask: int) -> Post:
        try:
            wd = self._kernel.add(bytes(folder), inotify.SELF | mask)
        except OSError:
            # It is but a help: without it, less is noticed at once.
            return Post()
        return self._posts.setdefault(wd, {}).setdefault(root, Post())


def way(path: Path) -> dict[Path, set[bytes]]:
    """Return the folders on the way to `path`, and the names in each that lead there.

    Those are the links, wherever a link leads to, and `path` itself. Who swaps one of
    them puts another folder at `path`. That a folder is moved, it tells itself.
    """
    found: dict[Path, set[bytes]] = {}
    at, links = Path(path.anchor), 0
    names = list(reversed(path.relative_to(at).parts))
    while names and links <= _MOST_LINKS:
        name = names.pop()
        here = at.parent if name == ".." else at / name
        leads = found.setdefault(at, set())
        target = _target(here)
        if target is not None or not names:
            leads.add(os.fsencode(name))
        if target is None:
            at = here
            continue
        links += 1
        at = Path(target.anchor) if target.is_absolute() else at
        names += reversed(target.relative_to(target.anchor).parts)
    return found


def _target(path: Path) -> Path | None:
    """Return where a link leads, or None for what is no link."""
    try:
        return path.readlink()
    except OSError:
        return None
