"""From the root of a tree to one of its folders after the other, and through no link."""

import os
import stat
from typing import Self


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Way:
    """Opens folders, each relative to the one above it.

    Those on the way to the last one stay open: the next is beside it, or below.

    Args:
        top: Descriptor of the root; it stays open.
    """

    def __init__(self, top: int) -> None:
        self._names: list[bytes] = []
        self._open = [top]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._back_to(0)

    def to(self, folder: bytes) -> int:
        """Return a descriptor of `folder`, good until the next call.

        Raises:
            OSError: As `open` does; ELOOP or ENOTDIR if a link stands on the way.
        """
        names = folder.split(b"/") if folder else []
        shared = 0
        for name, passed in zip(names, self._names, strict=False):
            if name != passed:
                break
            shared += 1
        self._back_to(shared)
        for name in names[shared:]:
            self._open.append(os.open(name, _FOLDER, dir_fd=self._open[-1]))
            self._names.append(name)
        return self._open[-1]

    def _back_to(self, depth: int) -> None:
        while len(self._names) > depth:
            self._names.pop()
            os.close(self._open.pop())


def is_folder(top: int, path: bytes) -> bool:
    """Return whether `path`, relative to the descriptor `top`, is a folder."""
    try:
        found = os.stat(path, dir_fd=top, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode)
