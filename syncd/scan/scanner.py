"""The snapshot of one sync root, kept true."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from syncd.errors import Halted, SyncdError
from syncd.ignore import Ignore
from syncd.scan.walk import Inode, Walk
from syncd.scan.way import is_folder
from syncd.tree import Entry, Kind, Problem, above


class Scanner:
    """The snapshot of one sync root.

    Methods block, so they are called in a worker thread, one at a time; but for `stop`,
    which ends a look that goes on, and `unread`.

    Args:
        root: The folder.
        ignore: Its rules; what they ignore is not looked at.

    Attributes:
        tree: The snapshot, changed in place.
        problems: The paths that could not be taken into the snapshot as they are. Of
            those that could not be read, what was known before stands.
        dropped: What was in the snapshot until the last look, and is ignored now.
        contents: Of small files that the last look read, by digest, so that nobody has
            to read them again. A mebibyte at most.
    """

    def __init__(self, root: Path, ignore: Ignore) -> None:
        self.tree: dict[bytes, Entry] = {}
        self.problems: dict[bytes, Problem] = {}
        self.dropped: set[bytes] = set()
        self.contents: Mapping[bytes, bytes] = {}
        self._root = root
        self._ignore = ignore
        self._generation = 0
        self._identity: Inode | None = None
        self._torn: frozenset[bytes] = frozenset()
        self._linked: dict[bytes, Inode] = {}
        self._stopped = Event()

    @property
    def dirs(self) -> frozenset[bytes]:
        """The folders of the snapshot; the root itself is not among them."""
        return frozenset(p for p, e in self.tree.items() if e.kind is Kind.DIR)

    def scan(self) -> frozenset[bytes]:
        """Look at the whole root and return the paths that changed.

        What could not be read, and is now known to be gone, is among them. A rule file
        that changed counts at once, if nobody has seen to that.

        Raises:
            Halted: If the root is gone, or another one that is empty stands in its
                place; the snapshot is as it was.
        """
        self.dropped = set()
        known, self._generation = self._generation, self._ignore.generation
        same_rules = known == self._generation
        changed = self._scan(same_rules=same_rules)
        if same_rules and self._rules_read_again(changed):
            self._generation = self._ignore.generation
            changed |= self._scan(same_rules=False)
        return changed

    def rescan(self, hints: Iterable[bytes]) -> frozenset[bytes]:
        """Look at what `hints` name, with all that is below, and return what changed.

        What was being written during the last look is looked at again too, and so are
        the other names of a file that has several: an event tells of one of them.

        Raises:
            Halted: As `scan` does.
        """
        with self._opened() as (top, identity):
            if identity != self._identity or b"" in (wanted := {*hints, *self._torn}):
                return self.scan()
            self.dropped = set()
            walk = self._walk(top)
            starts = self._starts(top, wanted)
            for start in starts:
                self._ignore.forget(start)
                walk.look(start)
            if walk.written and not walk.written.issubset(self._linked.values()):
                # Nobody knows the other names, unless they are outside of the root.
                return self.scan()
            starts |= self._look_by_other_names(walk, starts)
        left = {p: x for p, x in self.problems.items() if not _below(p, starts)}
        gone = self._known(starts) - walk.found.keys()
        return self._take(walk, gone, left | walk.problems)

    def _look_by_other_names(self, walk: Walk, seen: frozenset[bytes]) -> set[bytes]:
        """Look at the other names of the files that were written; return them."""
        if not walk.written:
            return set()
        linked = self._linked.items()
        names = {path for path, inode in linked if inode in walk.written}
        names -= {path for path in names if _below(path, seen)}
        for path in names:
            walk.look(path)
        self._linked |= walk.linked
        return names

    def lose(self) -> None:
        """Take that the root went; what stands there now is another folder.

        It may not look like it: a file system gives the number of an inode away again.
        """
        self._identity = None

    def unread(self, path: bytes) -> bool:
        """Return whether nobody can tell what is at `path`, so that it is not gone."""
        problems = self.problems
        return bool(problems) and any(
            (problem := problems.get(place)) is not None and problem.unread
            for place in (path, *above(path), b"")
        )

    def stop(self) -> None:
        """Have a look that goes on end soon, with `Stopped`, and any later one too."""
        self._stopped.set()

    def _walk(self, top: int, *, same_rules: bool = False) -> Walk:
        return Walk(
            top,
            self._ignore,
            self.tree,
            same_rules=same_rules,
            stopped=self._stopped.is_set,
        )

    def _scan(self, *, same_rules: bool) -> frozenset[bytes]:
        with self._opened() as (top, identity):
            walk = self._walk(top, same_rules=same_rules)
            walk.descend(b"")
        self._check(walk, identity)
        self._identity = identity
        self._linked = walk.linked
        return self._take(walk, self.tree.keys() - walk.found.keys(), walk.problems)

    def _take(
        self, walk: Walk, gone: Iterable[bytes], problems: dict[bytes, Problem]
    ) -> frozenset[bytes]:
        """Take in what was found, and what is `gone`; return what changed."""
        self._torn, self.contents = frozenset(walk.torn), walk.contents
        before = self.problems
        # Others look on: what can be read now is in the snapshot first.
        self.problems = before | problems
        changed = self._replace(gone, walk.found)
        self.problems = problems
        changed |= self._settled(before)
        return frozenset(changed)

    def _settled(self, before: Mapping[bytes, Problem]) -> set[bytes]:
        """Return what could not be read, and where something is now known to be gone."""
        return {
            path
            for path, problem in before.items()
            if problem.unread
            and path not in self.problems
            and ((entry := self.tree.get(path)) is None or entry.kind is Kind.DIR)
        }

    def _rules_read_again(self, changed: frozenset[bytes]) -> bool:
        rules = next((path for path in changed if self._ignore.reads(path)), None)
        if rules is None:
            return False
        try:
            self._ignore.reload()
        except SyncdError as exc:
            self.problems[rules] = Problem(
                rules, f"holds bad rules: {exc}", unread=False
            )
            return False
        return True

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, Inode]]:
        try:
            top = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise self._halted(f"cannot be read: {exc.strerror}") from exc
        try:
            stat = os.fstat(top)
            yield top, (stat.st_dev, stat.st_ino)
        finally:
            os.close(top)

    def _check(self, walk: Walk, identity: Inode) -> None:
        """Refuse what a folder shows while it goes, or is not there for now."""
        try:
            stat = self._root.stat()
        except OSError as exc:
            raise self._halted("vanished") from exc
        if (stat.st_dev, stat.st_ino) != identity:
            raise self._halted("was replaced while it was read")
        # An unmounted volume leaves an empty folder of the same name.
        if self.tree and not walk.found and identity != self._identity:
            raise self._halted("was replaced by an empty one")

    def _halted(self, what: str) -> Halted:
        return Halted(
            f"the local folder {self._root} {what}; nothing is deleted because of it",
            hint="Bring the folder back, or start again if this is what you want.",
        )

    def _starts(self, top: int, hints: Iterable[bytes]) -> frozenset[bytes]:
        """Return where to look so that all `hints` are seen, each place once."""
        sound: dict[bytes, bool] = {}
        found = {self._start(top, hint, sound) for hint in hints}
        return frozenset(p for p in found if not any(a in found for a in above(p)))

    def _start(self, top: int, path: bytes, sound: dict[bytes, bool]) -> bytes:
        """Return `path`, or the first folder above it that is not what it was."""
        for folder in above(path):
            known = sound.get(folder)
            if known is None:
                known = sound[folder] = self._is_sound(top, folder)
            if not known:
                return folder
        return path

    def _is_sound(self, top: int, folder: bytes) -> bool:
        entry = self.tree.get(folder)
        return (
            entry is not None
            and entry.kind is Kind.DIR
            # Whether a folder that Docker excludes exists hangs on its content.
            and not self._ignore.ignored(folder, is_dir=True)
            and is_folder(top, folder)
        )

    def _known(self, starts: frozenset[bytes]) -> set[bytes]:
        """Return the paths of the snapshot at and below `starts`."""
        known = {start for start in starts if start in self.tree}
        folders = {s for s in known if self.tree[s].kind is Kind.DIR}
        if folders:
            inside = dict.fromkeys(folders, True)
            known.update(p for p in self.tree if _inside(p, inside))
        return known

    def _replace(
        self, gone: Iterable[bytes], found: Mapping[bytes, Entry]
    ) -> set[bytes]:
        changed = set(gone)
        for path in changed:
            entry = self.tree.pop(path)
            if self._ignore.ignored(path, is_dir=entry.kind is Kind.DIR):
                self.dropped.add(path)
        for path, entry in found.items():
            old = self.tree.get(path)
            if old is not entry:
                self.tree[path] = entry
                if old != entry:
                    changed.add(path)
        return changed


def _below(path: bytes, starts: frozenset[bytes]) -> bool:
    return path in starts or any(folder in starts for folder in above(path))


def _inside(path: bytes, known: dict[bytes, bool]) -> bool:
    """Return whether `path` is below a folder that `known` says is one to look for."""
    folder = path.rpartition(b"/")[0]
    if not folder:
        return False
    answer = known.get(folder)
    if answer is None:
        answer = known[folder] = _inside(folder, known)
    return answer
