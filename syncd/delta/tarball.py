"""Tar headers: bytes from paths and entries. Pure.

Written here and not by `tarfile`, which took 28 µs for each; this takes 7. The same
entry gives the same bytes: owner 0, time 0.
"""

import enum
import hashlib
from collections.abc import Mapping

from syncd.tree import Entry, Kind


BLOCK = 512
END = bytes(2 * BLOCK)


class Flavour(enum.Enum):
    """How a header says what does not fit in it.

    BusyBox's tar knows GNU's long names and reads over PAX records.
    """

    PAX = "pax"
    GNU = "gnu"


def header(path: bytes, entry: Entry, flavour: Flavour) -> bytes:
    """Return the tar header of a file, folder or link, with all that precedes it."""
    pax = flavour is Flavour.PAX
    extra = _pax_records(path, entry) if pax else _gnu_names(path, entry)
    kind = {Kind.FILE: b"0", Kind.LINK: b"2", Kind.DIR: b"5"}[entry.kind]
    mode = 0o777 if entry.kind is Kind.LINK else entry.mode
    return extra + _block(path, kind, entry.size, flavour, mode, entry.target)


def _block(
    name: bytes,
    kind: bytes,
    size: int,
    flavour: Flavour,
    mode: int = 0o644,
    target: bytes = b"",
) -> bytes:
    magic = b"ustar\x0000" if flavour is Flavour.PAX else b"ustar  \0"
    head = b"".join(
        (
            name[:100].ljust(100, b"\0"),
            b"%07o\0" % mode,
            b"0000000\x000000000\0",
            b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big"),
            b"00000000000\0        ",
            kind,
            target[:100].ljust(100, b"\0"),
            magic,
            bytes(64),
            b"0000000\x000000000\0",
            bytes(167),
        )
    )
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def _pax_records(path: bytes, entry: Entry) -> bytes:
    records = _record(b"SYNCD.sha256", sealed(entry).hex().encode())
    if len(path) > 100:
        records += _record(b"path", path)
    if len(entry.target) > 100:
        records += _record(b"linkpath", entry.target)
    if entry.size >= 8**11:
        records += _record(b"size", b"%d" % entry.size)
    head = _block(b"PaxHeaders/syncd", b"x", len(records), Flavour.PAX)
    return head + filled(records)


def _record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    while size != (whole := len(key) + len(value) + 3 + len(b"%d" % size)):
        size = whole
    return b"%d %b=%b\n" % (size, key, value)


def _gnu_names(path: bytes, entry: Entry) -> bytes:
    names = b""
    for kind, name in ((b"K", entry.target), (b"L", path)):
        if len(name) > 100:
            names += _block(b"././@LongLink", kind, len(name) + 1, Flavour.GNU)
            names += filled(name + b"\0")
    return names


def filled(data: bytes) -> bytes:
    """Return `data`, filled up to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def sealed(entry: Entry) -> bytes:
    """Return the digest that stands for an entry's content in a batch's digest."""
    if entry.kind is Kind.FILE:
        return entry.digest
    return hashlib.sha256(entry.target).digest()


def digest_of(digests: Mapping[bytes, bytes]) -> str:
    """Return the one digest over paths and contents that both ends compute."""
    whole = hashlib.sha256()
    for path in sorted(digests):
        whole.update(path + b"\0" + digests[path])
    return whole.hexdigest()
