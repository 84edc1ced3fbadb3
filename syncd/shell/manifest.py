"""What the container holds, asked of `find`, `stat` and `sha256sum`.

Their answers are lines, so names with a newline, or with a backslash that `sha256sum`
would escape, cannot be told. Such paths are unknown, as if they were not there: they
are written again.
"""

import re
import stat
from collections.abc import Iterable

from syncd.errors import ProtocolError, TargetError
from syncd.shell.scripts import command, script
from syncd.tree import Entry, Kind


_FOUND = re.compile(rb"e ([0-9a-f]{1,8}) (\d{1,20}) \./(.+)")
_HASHED = re.compile(rb"([0-9a-f]{64}) [ *]\./(.+)")


def list_command(root: str, size: int) -> tuple[str, ...]:
    """Return the command that lists folders; `size` is that of its input."""
    return command("list", root, str(size), script("names"))


def list_input(dirs: Iterable[bytes]) -> bytes:
    """Return the input that names the folders to list; b"" is the root itself."""
    return b"".join(
        b"./" + path + b"\0" if path else b".\0" for path in dirs if _can_be_told(path)
    )


def parse_list(output: bytes) -> dict[bytes, Entry]:
    """Return the entries that `list_command` printed; digests are not among them.

    Raises:
        TargetError: If the root is missing.
        ProtocolError: If it did not print all of it.
    """
    entries: dict[bytes, Entry] = {}
    link = b""
    for line in _lines(output):
        if match := _FOUND.fullmatch(line):
            mode, size, name = match.groups()
            entry = _entry(int(mode, 16), int(size))
            if entry is not None:
                entries[name] = entry
        elif line.startswith(b"l ./"):
            link = line[4:]
        elif line.startswith(b"t ") and link in entries:
            entries[link] = Entry(Kind.LINK, target=line[2:])
    return entries


def _entry(mode: int, size: int) -> Entry | None:
    permissions = stat.S_IMODE(mode) & 0o777
    match stat.S_IFMT(mode):
        case stat.S_IFREG:
            return Entry(Kind.FILE, permissions, size)
        case stat.S_IFDIR:
            return Entry(Kind.DIR, permissions)
        case stat.S_IFLNK:
            return Entry(Kind.LINK)
        case _:
            return None


def hash_command(root: str, size: int) -> tuple[str, ...]:
    """Return the command that hashes files; `size` is that of its input."""
    return command("hash", root, str(size))


def hash_input(paths: Iterable[bytes]) -> bytes:
    """Return the input that names the files to hash."""
    return b"".join(b"./" + path + b"\0" for path in paths if _can_be_told(path))


def parse_hashes(output: bytes) -> dict[bytes, bytes]:
    """Return the digests that `hash_command` printed, of the files that it could read.

    Raises:
        TargetError: If the root is missing.
        ProtocolError: If it did not print all of it.
    """
    found = (_HASHED.fullmatch(line) for line in _lines(output))
    return {m[2]: bytes.fromhex(m[1].decode()) for m in found if m}


def _can_be_told(path: bytes) -> bool:
    return b"\n" not in path and b"\\" not in path


def _lines(output: bytes) -> list[bytes]:
    *lines, last, empty = [b"", *output.split(b"\n")]
    if last == b"missing":
        raise TargetError("the folder to sync to is not in the container")
    if last != b"end" or empty:
        raise ProtocolError(f"the shell's answer is cut short: {output[-80:]!r}")
    return lines
