"""Watching, while nobody reports edits."""

# ruff: noqa: PTH114, PTH120 - no pathlib
from __future__ import annotations

import contextlib
import os
import time

from syncd.reloader.channel import say
from syncd.reloader.inotify import IS_FOLDER, MOVED, Inotify
from syncd.reloader.reactor import Reactor
from syncd.reloader.reading import SOURCES, both_names, version


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncd.reloader.reading import Version


SKIPPED = {"__pycache__", "node_modules", "site-packages", "dist-packages"}
QUIET_S = 0.01  # after which an edit is whole
LONGEST_S = 0.5  # after which one that never is is taken as it is
CLOCK_S = 0.4  # between looks, where there is no inotify


class Watch:
    """Notices edits by looking: when inotify hints at it, or by the clock.

    Attributes:
        roots: The folders that are looked at, with all that lies in them.
        seen: The sources that lay there, at the last look.
        walked: The folders that were looked through for them.
        read: What the program has read, wherever that lies, as it was then or as it
            was when its change was noticed.
        written: What the program writes itself: its change is no edit.
        paused: How many clients report edits, so that there is no need to look.
    """

    def __init__(
        self, reactor: Reactor, roots: Iterable[str], on_edit: Callable[[str], None]
    ) -> None:
        self.reactor = reactor
        self.roots = set(roots)
        self.on_edit = on_edit
        self.seen: dict[str, Version] = {}
        self.walked: set[str] = set()
        self.read: dict[str, Version | None] = {}
        self.written: set[str] = set()
        self.paused = 0
        self.inotify: Inotify | None = None
        self.began = False
        self.hinted = self.settling = 0.0

    def matters(self, path: str) -> bool:
        """Tell whether a change of `path` is a reason to reload."""
        paths = both_names(path)
        lists = {os.path.dirname(each) for each in paths} & self.read.keys()
        return (
            path.endswith(SOURCES)
            or bool(paths & self.read.keys())
            or any(version(each) != self.read[each] for each in lists)
        )

    def watched(self) -> list[str]:
        """Return the folders that are looked at now."""
        return sorted(self.roots) if self.began and not self.paused else []

    def begin(self, folders: Iterable[str] = ()) -> None:
        """Look at the roots from now on, and at `folders` too."""
        new = {*self.roots, *folders} if not self.began else {*folders} - self.roots
        if not self.began:
            self._begin()
        self.roots |= new - {"/"}
        for path, found in self._walk(new - {"/"}).items():
            self.seen.setdefault(path, found)

    def _begin(self) -> None:
        self.began = True
        self.inotify = Inotify.open()
        if self.inotify is not None:
            self.reactor.on_input(self.inotify, self._on_hint)
        else:
            self.reactor.later(CLOCK_S, self._look_by_the_clock)
        if "/" in self.roots:
            self.roots.remove("/")
            say("/ is not watched, but for what the program reads: see --root")

    # what is known of the program

    def heed(self, read: Mapping[str, Version | None]) -> None:
        """Look at what was read, and no more at what was read before."""
        self.read = {}
        for path in read.keys() - self.written:
            self.read.update(dict.fromkeys(both_names(path), read[path]))
        self._compare()

    def disown(self, paths: Iterable[str]) -> None:
        """Take what happens to `paths` for the program's own doing."""
        self.written.update(paths)
        for path in paths:
            self.read.pop(path, None)

    # what is reported

    def take_in(self, paths: Iterable[str]) -> None:
        """Know of edits that were reported; of all that there are, if none is named."""
        if self.began and not paths:
            self._changes()
        for path in {name for each in paths for name in both_names(each)}:
            now = version(path)
            if now is None:
                gone = [p for p in self.seen if p == path or p.startswith(f"{path}/")]
                for each in gone:
                    del self.seen[each]
            elif path.endswith(SOURCES):
                self.seen[path] = now
            for each in {path, os.path.dirname(path)} & self.read.keys():
                self.read[each] = version(each)

    def resume(self) -> None:
        """Look again, if that was the last client that reports edits."""
        self.paused -= 1
        self._compare()

    # looking

    def _look_by_the_clock(self) -> None:
        self._compare()
        self.reactor.later(CLOCK_S, self._look_by_the_clock)

    def _on_hint(self) -> None:
        hints = list(self.inotify.read()) if self.inotify else []
        if self.paused or not any(self._is_worth_a_look(*hint) for hint in hints):
            return
        self.hinted = time.monotonic()
        if not self.settling:
            self.settling = self.hinted
            self.reactor.later(QUIET_S, self._settle)

    def _is_worth_a_look(self, path: str, mask: int) -> bool:
        """Tell an edit from the program's own coming and going."""
        folder, name = os.path.split(path)
        if path in self.written:
            return False
        if not path or path in self.read or path in self.seen:
            return True
        if mask & MOVED and (folder in self.read or os.path.islink(path)):
            return True
        is_code = name.endswith(SOURCES) or mask & IS_FOLDER
        return bool(is_code and _may_be_imported(name) and folder in self.walked)

    def _settle(self) -> None:
        now = time.monotonic()
        if now - self.hinted < QUIET_S and now - self.settling < LONGEST_S:
            self.reactor.later(QUIET_S, self._settle)
        else:
            self.settling = 0.0
            self._compare()

    def _compare(self) -> None:
        changed = [] if self.paused or not self.began else self._changes()
        if changed:
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            self.on_edit(f"{min(changed)}{more} changed")

    def _changes(self) -> set[str]:
        """Return what is not as it was, and know how it is now."""
        now = self._walk(self.roots)
        changed = {path for path in now if now[path] != self.seen.get(path)}
        changed |= {p for p in self.seen.keys() - now.keys() if version(p) is None}
        self.seen = now
        for path, old in self.read.items():
            self._hear_of(os.path.dirname(path))
            self._hear_of(path)  # which is refused, unless it is a folder
            self.read[path] = version(path)
            if self.read[path] != old:
                changed.add(path)
        return changed - self.written

    def _walk(self, folders: Iterable[str]) -> dict[str, Version]:
        """Return the sources in `folders`."""
        found: dict[str, Version | None] = {}
        ahead, walked = list(folders), set()
        while ahead:
            folder = ahead.pop()
            if folder in walked:
                continue
            walked.add(folder)
            self._hear_of(folder)
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if not _may_be_imported(entry.name):
                        continue
                    if entry.name.endswith(SOURCES):
                        found[entry.path] = version(entry.path)
                    elif entry.is_dir(follow_symlinks=False):
                        ahead.append(entry.path)
        self.walked |= walked
        return {path: now for path, now in found.items() if now}  # no link to nothing

    def _hear_of(self, folder: str) -> None:
        if self.inotify is not None and not self.inotify.add(folder):
            self.reactor.forget(self.inotify)
            os.close(self.inotify.fileno())
            self.inotify = None
            say(
                "out of inotify watches (fs.inotify.max_user_watches):"
                " looking by the clock"
            )
            self.reactor.later(CLOCK_S, self._look_by_the_clock)


def _may_be_imported(name: str) -> bool:
    return not name.startswith(".") and name not in SKIPPED
