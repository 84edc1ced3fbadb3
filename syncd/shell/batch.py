"""One batch for a shell: scripts, lists and files in one tar, and what came of it."""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.delta import Flavour, Pack, header, plan
from syncd.errors import ProtocolError
from syncd.shell.scripts import command, script
from syncd.tree import Change, Entry, Kind, Tree


CHUNK = 256 * 1024
SPOOL_IN_MEMORY = 8 << 20
_SCRIPTS = ("words", "land", "delete", "folders", "place", "modes")


class Batch:
    """The tar that carries a batch, complete before it is sent.

    Its size stands on the command line, and what was torn is known only when all is
    read: so the tar waits in memory, or in a temporary file if it is large.

    Args:
        root: The local folder.
        changes: What to make equal.
        held: What the container is known to hold; a path in doubt is not among it.
        replica: Foreign files in folders that go are deleted with them.

    Attributes:
        torn: Paths that are not what the snapshot has; see `Pack`.
        unread: Paths that could not be read.
        size: Bytes of the tar.
    """

    def __init__(
        self,
        root: bytes | Path,
        changes: Sequence[Change],
        *,
        held: Tree | None = None,
        replica: bool = False,
    ) -> None:
        made = plan(changes, held or {})
        pack = Pack(root, made.sends, Flavour.GNU, prefix=b"new/")
        self._spool = tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY)  # noqa: SIM115
        for name in _SCRIPTS:
            self._add(f"{name}.sh", script(name).encode())
        self._add("deletes", _listed(reversed(made.deletes)))
        self._add("folders", _listed(path for path, _ in made.dirs))
        for mode, paths in _by_mode([*made.dirs, *made.modes]).items():
            self._add(f"mode.{mode:o}", _listed(paths))
        if replica:
            self._add("recursive", b"")
        self._spool.writelines(pack.members())
        self.torn, self.unread = pack.torn, pack.unread
        self._add("void", _listed(pack.spoilt))
        self._add("done", b"")
        self._spool.write(bytes(1024))
        self.size = self._spool.tell()

    def _add(self, name: str, content: bytes) -> None:
        entry = Entry(Kind.FILE, 0o600, len(content))
        self._spool.write(header(name.encode(), entry, Flavour.GNU))
        self._spool.write(content + bytes(-len(content) % 512))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._spool.close()

    def command(
        self, root: str, number: int, session: str = "", container: str = ""
    ) -> tuple[str, ...]:
        """Return the command that takes the tar on its stdin.

        Args:
            root: The sync root.
            number: The batch's, which comes back in the answer.
            session: What a later probe finds and ends it by.
            container: `Probe.container`: an exec names its container only by Pod and
                name, so it may meet the next one of that name, which refuses the batch.
        """
        words = (root, str(number), str(self.size), container)
        return command("batch", *words, session=session)

    def pieces(self) -> Iterator[bytes]:
        """Yield the tar."""
        self._spool.seek(0)
        while piece := self._spool.read(CHUNK):
            yield piece


def _listed(paths: Iterable[bytes]) -> bytes:
    return b"".join(b"./" + path + b"\0" for path in paths)


def _by_mode(pairs: Iterable[tuple[bytes, int]]) -> dict[int, list[bytes]]:
    groups: dict[int, list[bytes]] = {}
    for path, mode in pairs:
        groups.setdefault(mode, []).append(path)
    return groups


@dataclass(frozen=True, slots=True)
class Finding:
    """What was odd about one path; `code` is one of the agent's."""

    path: bytes
    code: str


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a batch.

    Attributes:
        files: How many files and links are in place.
        refused: Why nothing of it was done, or "".
    """

    files: int = 0
    failures: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    refused: str = ""


def parse_ack(output: bytes, number: int) -> Landed:
    """Return what the command of batch `number` printed.

    Raises:
        ProtocolError: If it did not acknowledge that batch.
    """
    *findings, last = output.split(b"\0")
    match last.split():
        case [b"ok", batch, files] if batch == b"%d" % number and files.isdigit():
            return Landed(
                int(files),
                _findings(findings, b"fail"),
                _findings(findings, b"note"),
            )
        case [b"bad", batch, code] if batch == b"%d" % number:
            return Landed(refused=code.decode("ascii", "replace"))
        case _:
            raise ProtocolError(
                f"batch {number} was not acknowledged: {output[-80:]!r}"
            )


def _findings(words: Collection[bytes], kind: bytes) -> tuple[Finding, ...]:
    triples = zip(*[iter(words)] * 3, strict=False)
    return tuple(
        Finding(path.removeprefix(b"./"), code.decode("ascii", "replace"))
        for said, code, path in triples
        if said == kind
    )
