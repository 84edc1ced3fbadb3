"""One batch as the frames that carry it, and the check of its acknowledgement."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncd.delta.pack import CHUNK, Pack
from syncd.delta.tarball import digest_of
from syncd.errors import ProtocolError
from syncd.tree import Change, Entry, Kind, Tree
from syncd.wire import Message, as_path, as_text, encode, encode_data


_MESSAGE_ROOM = 1 << 20  # of the lists in one message, about


@dataclass(frozen=True, slots=True)
class Plan:
    """What the agent does besides writing files and links.

    Attributes:
        deletes: Paths that go.
        dirs: Folders that shall be there, with their modes.
        modes: Files whose content the container holds already, with new modes.
        sends: The changes that need a tar stream.
    """

    deletes: tuple[bytes, ...]
    dirs: tuple[tuple[bytes, int], ...]
    modes: tuple[tuple[bytes, int], ...]
    sends: tuple[Change, ...]


def plan(changes: Sequence[Change], held: Tree) -> Plan:
    """Return how `changes` are made in a container that is known to hold `held`."""
    deletes, dirs, modes, sends = [], [], [], []
    for change in sorted(changes, key=lambda change: change.path):
        entry, old = change.entry, held.get(change.path)
        if entry is None:
            deletes.append(change.path)
        elif entry.kind is Kind.DIR:
            dirs.append((change.path, entry.mode))
        elif old is not None and _only_mode_differs(old, entry):
            modes.append((change.path, entry.mode))
        else:
            sends.append(change)
    return Plan(tuple(deletes), tuple(dirs), tuple(modes), tuple(sends))


def _only_mode_differs(old: Entry, new: Entry) -> bool:
    return (
        old.kind is new.kind is Kind.FILE
        and (old.size, old.digest) == (new.size, new.digest)
        and old.mode != new.mode
    )


class Delta:
    """One batch for one root of one container, as the frames that carry it.

    Args:
        root: The local folder.
        changes: What to make equal.
        held: What the container is known to hold; a path in doubt is not among it.
        replica: Foreign files in folders that go are deleted with them.
        compress: Deflate the tar stream.
        content: Gives what a file holds, if that is known and need not be read.
        clock: Tells what is slow, and goes out as it is read.

    Attributes:
        pack: The tar stream; what could not be sent is known once the frames were
            iterated.
        wire_bytes: Size of the frames so far.
    """

    def __init__(
        self,
        root: bytes | Path,
        changes: Sequence[Change],
        *,
        held: Tree | None = None,
        replica: bool = False,
        compress: bool = False,
        content: Callable[[Entry], bytes | None] = lambda _: None,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.plan = plan(changes, held or {})
        self.pack = Pack(root, self.plan.sends, content=content, clock=clock)
        self.wire_bytes = 0
        self._replica = replica
        self._compress = compress

    def frames(self, batch: int, root: int) -> Iterator[bytes]:
        """Yield the frames of batch number `batch`; `root` is its index in `hello`."""
        for frame in self._frames(batch, root):
            self.wire_bytes += len(frame)
            yield frame

    def _frames(self, batch: int, root: int) -> Iterator[bytes]:
        for message in self._opening(batch, root):
            yield encode(message)
        pieces = _deflated(self.pack) if self._compress else iter(self.pack)
        for piece in pieces:
            yield encode_data(piece, compressed=self._compress)
        yield encode(
            {
                "op": "end",
                "id": batch,
                "void": [as_text(path) for path in sorted(self.pack.spoilt)],
                "bytes": self.pack.size,
                "digest": self.pack.digest,
            }
        )

    def _opening(self, batch: int, root: int) -> Iterator[Message]:
        """Yield `apply`, in several messages where its lists are long."""
        message, room = self._apply(batch, root), _MESSAGE_ROOM
        for key, path, item in self._listed():
            if room < 0:
                yield message | {"more": True}
                message, room = self._apply(batch, root), _MESSAGE_ROOM
            message[key].append(item)
            room -= 50 + 6 * len(path)  # a byte may travel as \udcXX
        yield message

    def _apply(self, batch: int, root: int) -> Message:
        lists: Message = {"deletes": [], "dirs": [], "modes": []}
        facts = {"op": "apply", "id": batch, "root": root, "replica": self._replica}
        return facts | lists

    def _listed(self) -> Iterator[tuple[str, bytes, object]]:
        for path in self.plan.deletes:
            item = {"path": as_text(path), "recursive": self._replica}
            yield "deletes", path, item
        for path, mode in self.plan.dirs:
            yield "dirs", path, [as_text(path), mode]
        for path, mode in self.plan.modes:
            yield "modes", path, [as_text(path), mode]

    def confirm(self, applied: Message) -> None:
        """Compare what the agent says it put in place with what was sent.

        Raises:
            ProtocolError: If it is not the same, but for the errors that it tells.
        """
        failed = {as_path(error["path"]) for error in applied.get("errors", ())}
        landed = {p: d for p, d in self.pack.sealed.items() if p not in failed}
        expected = (len(landed), digest_of(landed))
        if (applied.get("files"), applied.get("digest")) != expected:
            raise ProtocolError(
                f"batch {applied.get('id')} was acknowledged with other files"
                " than were sent"
            )


def _deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    deflate = zlib.compressobj(1)
    for piece in pieces:
        data = deflate.compress(piece)
        if len(piece) < CHUNK:  # it comes slowly, or is the last
            data += deflate.flush(zlib.Z_SYNC_FLUSH)
        yield from _cut(data)
    yield from _cut(deflate.flush())


def _cut(data: bytes) -> Iterator[bytes]:
    return (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
