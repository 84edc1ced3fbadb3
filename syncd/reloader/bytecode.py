"""The developer's byte-code, by what a file is, and not by its date."""

# ruff: noqa: ANN401, PTH116, PTH123 - no pathlib; loaders are the import system's
from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import marshal
import os
import time
from importlib.machinery import SourceFileLoader

from syncd.reloader.witness import as_if_importlib


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


SETTLED_NS = 50_000_000  # coarser than the clock of any local file system
DATED_NS = 2_000_000_000  # coarser than the dates in byte-code


class CodeStore:
    """What the developer's modules were compiled to, for the next generation.

    Python trusts byte-code by whole seconds and size: of two quick edits of the same
    length it may not see the second. Here a file is known by inode and nanoseconds, in
    memory that all generations share.
    """

    def __init__(
        self,
        fd: int,
        third_party: Callable[[str], bool],
        note: Callable[[str, os.stat_result], Any],
    ) -> None:
        self.fd = fd
        self.third_party = third_party
        self.note = note
        self.code: dict[str, tuple[list[int], bytes]] = {}
        self.changed = False

    def attach(self) -> None:
        """Stand in where Python reads modules from their source."""
        no_code = (OSError, EOFError, ValueError, TypeError)
        with contextlib.suppress(*no_code), self._opened(fcntl.LOCK_SH) as file:
            self.code = marshal.load(file)  # noqa: S302 - written by `save`
        plain = SourceFileLoader.get_code

        @as_if_importlib
        def get_code(loader: Any, name: str) -> Any:
            path = loader.get_filename(name)
            if self.third_party(path) or not path.endswith(".py"):
                return plain(loader, name)
            return self._get_code(loader, name, path, plain)

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign]

    @as_if_importlib
    def _get_code(self, loader: Any, name: str, path: str, plain: Any) -> Any:
        info = os.stat(path)
        self.note(path, info)
        key = [info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino]
        known = self.code.get(path)
        if known is not None and known[0] == key:
            return marshal.loads(known[1])  # noqa: S302 - as above
        changed_ns = max(info.st_mtime_ns, info.st_ctime_ns)
        age_ns = time.time_ns() - changed_ns
        cached = importlib.util.cache_from_source(path)
        if age_ns > DATED_NS and not _is_older(cached, changed_ns):
            code = plain(loader, name)
        else:
            code = loader.source_to_code(loader.get_data(path), path)
        if age_ns > SETTLED_NS:
            self.code[path] = (key, marshal.dumps(code))
            self.changed = True
        return code

    def save(self) -> None:
        """Leave the code to the next generation."""
        if self.changed:
            self.changed = False
            with contextlib.suppress(OSError), self._opened(fcntl.LOCK_EX) as file:
                file.truncate()
                marshal.dump(self.code, file)

    @contextlib.contextmanager
    def _opened(self, how: int) -> Iterator[Any]:
        # Anew, as descriptors that were passed on share their place and their lock.
        with open(f"/proc/self/fd/{self.fd}", "r+b") as file:
            fcntl.flock(file, how | fcntl.LOCK_NB)
            yield file  # closing it unlocks it


def _is_older(cached: str, changed_ns: int) -> bool:
    """Tell whether byte-code on disk was written before its source was."""
    try:
        return os.stat(cached).st_mtime_ns <= changed_ns
    except OSError:
        return False  # there is none: none that is stale
