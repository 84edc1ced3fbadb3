"""A folder that tests edit, and a second look at it that shares nothing with the first."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from syncd.tree import Entry, Kind


NOBODY = 65534


def snapshot(root: Path) -> dict[bytes, Entry]:
    """Read all of `root` the slow and simple way."""
    return {
        os.fsencode(path.relative_to(root)): entry(path) for path in root.rglob("*")
    }


def entry(path: Path) -> Entry:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return Entry(Kind.LINK, target=os.fsencode(path.readlink()))
    if stat.S_ISDIR(found.st_mode):
        return Entry(Kind.DIR, stat.S_IMODE(found.st_mode) | 0o700)
    content = path.read_bytes()
    digest = hashlib.sha256(content).digest()
    return Entry(Kind.FILE, stat.S_IMODE(found.st_mode), len(content), digest)


@dataclass(frozen=True)
class Edit:
    """One thing that happens to a folder. `hints` is where it may be seen."""

    do: str
    path: bytes
    other: bytes

    @property
    def hints(self) -> set[bytes]:
        if self.do == "hardlink":
            return {self.other}
        return {self.path, self.other} if self.do == "rename" else {self.path}

    def make(self, root: Path) -> None:
        """Do it, or nothing if it cannot be done now."""
        path = root / os.fsdecode(self.path)
        other = root / os.fsdecode(self.other)
        # What goes through a link happens elsewhere, where no hint is.
        passed = {*path.parents, *other.parents}
        if self.do in {"write", "chmod"}:
            passed.add(path)
        if not any(p.is_symlink() for p in passed if root in p.parents):
            with suppress(OSError, shutil.Error):
                self._make(path, other)

    def _make(self, path: Path, other: Path) -> None:
        match self.do:
            case "write":
                path.write_bytes(self.other)
            case "mkdir":
                path.mkdir()
            case "link":
                path.symlink_to(os.fsdecode(self.other))
            case "chmod":
                closed = 0o700 if path.is_dir() else 0o600
                path.chmod(0o755 if len(self.other) % 2 else closed)
            case "hardlink":
                other.hardlink_to(path)
            case "rename":
                path.rename(other)
            case "fill":
                path.mkdir()
                (path / "sub").mkdir()
                (path / "sub" / "file").write_bytes(self.other)
                (path / "file").write_bytes(self.other)
            case _:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


names = st.sampled_from([b"a", b"b", b"A", b"with space", b"\xff\xfe", b"new\nline"])
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)
deeds = ["write", "mkdir", "fill", "link", "hardlink", "chmod", "rename", "remove"]
edits = st.builds(Edit, st.sampled_from([*deeds, "write"]), paths, paths)


@contextmanager
def unprivileged(root: Path) -> Iterator[None]:
    """Own `root` and go on as somebody whom permissions stop."""
    if os.geteuid():
        yield
        return
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
