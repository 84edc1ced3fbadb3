"""The link to a container without Python: one exec of `sh` for each thing asked."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import anyio
from anyio import to_thread

from syncd import shell
from syncd.cluster import Output, Probe
from syncd.errors import (
    ProtocolError,
    SyncdError,
    TargetError,
    TransportError,
    first,
)
from syncd.session.answers import may_equal, unread
from syncd.session.link import (
    Ack,
    Failure,
    Hello,
    Note,
    Ran,
    ReloadAnswer,
    RootState,
    Sent,
)
from syncd.session.owed import Root
from syncd.session.stream import Stream
from syncd.tree import Change, Entry, Kind, Tree


SILENT_S = 120.0  # how long a script may work without a word
LAST_WORD_S = 1.0  # how long the status may come after a complete answer

Exec = Callable[[Sequence[str]], AbstractAsyncContextManager[Stream]]


class ShellLink:
    """Speaks to `sh` and `tar`, each time over a stream of its own.

    Args:
        exec: Runs a command in the container.
        roots: The sync roots.
        session: Stands for all scripts of one session: a probe ends those before it.
        why: Why it is not the agent that serves.
        silent_s: How long a script of ours may work without a word.
    """

    window = 1
    asks = False

    def __init__(
        self,
        exec: Exec,  # noqa: A002
        roots: Sequence[Root],
        session: str = "",
        *,
        why: str,
        silent_s: float = SILENT_S,
    ) -> None:
        self._why = why
        self._silent_s = silent_s
        self._exec = exec
        self._session = session
        self._roots = roots
        self._landed: dict[int, tuple[shell.Landed, int]] = {}
        self._hello: Hello | None = None
        self._knows_contents = False
        self._container = ""

    @property
    def hello(self) -> Hello:
        """Who answered."""
        assert self._hello is not None, "meet comes first"
        return self._hello

    async def meet(self) -> None:
        """Ask who is there.

        Raises:
            CommandNotFound: If there is no shell.
            TargetError: If it lacks what is needed.
            TransportError: If it cannot be reached.
        """
        started = anyio.current_time()
        places = [root.remote for root in self._roots]
        protocol, output, _ = await self._ask(
            shell.probe_command(places, self._session),
            done=_is_whole,
        )
        probe = shell.parse_probe(output)
        if probe.missing:
            raise TargetError(
                f"the container has a shell but no {', '.join(probe.missing)}",
                hint="use an image that has Python 3.8 or newer, or these tools",
            )
        self._knows_contents = probe.knows_contents
        self._container = probe.container
        self._hello = Hello(
            via=probe.via,
            protocol=protocol,
            user=probe.user,
            round_trip_ms=(anyio.current_time() - started) * 1000,
            roots=tuple(
                RootState(place, bool(facts.kind), facts.kind == "d", facts.writable)
                for place, facts in zip(places, probe.roots, strict=True)
            ),
            limits=(self._why, *probe.limits),
        )

    async def serve(self) -> None:
        """See `Link.serve`: nothing stays open that could break."""
        await anyio.sleep_forever()

    async def listing(
        self, root: int, dirs: Collection[bytes], local: Tree
    ) -> Mapping[bytes, Entry]:
        """See `Link.listing`. What cannot be told is left out, and written again."""
        if not self._knows_contents:
            return {}
        place = self._roots[root].remote
        names = shell.list_input(sorted(dirs))
        output = await self._told(shell.list_command(place, len(names)), names)
        found = {
            path: replace(entry, mode=entry.mode | 0o700)
            if entry.kind is Kind.DIR
            else entry
            for path, entry in shell.parse_list(output).items()
        }
        doubtful = [p for p, entry in found.items() if may_equal(entry, local.get(p))]
        names = shell.hash_input(sorted(doubtful))
        if names:
            output = await self._told(shell.hash_command(place, len(names)), names)
            for path, digest in shell.parse_hashes(output).items():
                found[path] = replace(found[path], digest=digest)
        return found

    async def send(
        self, batch: int, root: int, changes: Sequence[Change], held: Tree
    ) -> Sent:
        """See `Link.send`; the batch has been applied when this returns."""
        place = self._roots[root]
        started = anyio.current_time()

        def pack() -> shell.Batch:
            return shell.Batch(place.local, changes, held=held, replica=place.whole)

        with await to_thread.run_sync(pack) as made:
            packed = anyio.current_time()
            argv = made.command(place.remote, batch, self._session, self._container)
            _, output, _ = await self._ask(argv, made.pieces(), _is_acknowledged)
            landed = shell.parse_ack(output, batch)
            if landed.refused:
                _refuse(landed.refused)
            deleted = sum(change.entry is None for change in changes)
            self._landed[batch] = landed, deleted
            return Sent(
                size=made.size,
                wire_size=made.size,
                packed_ms=(packed - started) * 1000,
                sent_ms=(anyio.current_time() - packed) * 1000,
                torn=tuple(made.torn),
                unread=unread(made.unread),
            )

    async def ack(self, batch: int) -> Ack:
        """See `Link.ack`."""
        landed, deleted = self._landed.pop(batch)
        return Ack(
            files=landed.files,
            deleted=deleted,
            failures=tuple(
                Failure(f.path, f.code, f.code.replace("-", " "))
                for f in landed.failures
            ),
            notes=tuple(
                Note(n.path, n.code, n.code.replace("-", " ")) for n in landed.notes
            ),
        )

    async def reload_answer(self) -> ReloadAnswer:
        """See `Link.reload_answer`: a shell cannot speak with a reloader."""
        await anyio.sleep_forever()
        raise AssertionError("for ever has ended")

    async def run(
        self, argv: Sequence[str], *, cwd: str | None, timeout_s: float
    ) -> Ran:
        """See `Link.run`; it may say nothing for all that time."""
        command = shell.run_command(argv, cwd or "/", math.ceil(timeout_s))
        with anyio.move_on_after(timeout_s):
            return await self._ran(command, timeout_s + LAST_WORD_S)
        return Ran(None, "")

    async def ready(self, probe: Probe, limit_s: float) -> str:
        """See `Link.ready`: it cannot be asked here."""
        del probe, limit_s
        raise AssertionError("a link that does not ask was asked")

    async def signal(self, match: str, signal: str) -> Ran:
        """See `Link.signal`."""
        return await self._ran(shell.signal_command(match, signal), self._silent_s)

    async def _ran(self, argv: Sequence[str], silent_s: float) -> Ran:
        _, output, code = await self._ask(argv, silent_s=silent_s)
        return Ran(code, output[-8192:].decode("utf-8", "replace"))

    async def _told(self, argv: Sequence[str], names: bytes) -> bytes:
        _, output, _ = await self._ask(argv, [names], _is_whole)
        return output

    async def _ask(
        self,
        argv: Sequence[str],
        pieces: Iterable[bytes] = (),
        done: Callable[[bytes], bool] = lambda _: False,
        silent_s: float | None = None,
    ) -> tuple[str, bytes, int | None]:
        """Run a command; return the protocol, what it printed, and its exit code.

        The code is None where the answer was complete and the status did not come:
        there are clusters on which it never does (rke2#10237).
        """
        error: SyncdError | None = None
        try:
            async with self._exec(argv) as stream, anyio.create_task_group() as tasks:
                tasks.start_soon(_feed, stream, pieces)
                output, code = await _heard(stream, done, silent_s or self._silent_s)
                tasks.cancel_scope.cancel()
        except* SyncdError as group:
            error = first(group)
        else:
            return stream.protocol, output, code
        raise error


async def _heard(
    stream: Stream, done: Callable[[bytes], bool], silent_s: float
) -> tuple[bytes, int | None]:
    """Return what a command printed, and its exit code."""
    output = b""
    while True:
        event = None
        with anyio.move_on_after(LAST_WORD_S if done(output) else silent_s):
            event = await stream.receive()
        if isinstance(event, Output):
            output += event.data
        elif event is not None:
            return output, event.code
        elif done(output):
            return output, None
        else:
            raise TransportError(f"the shell said nothing for {silent_s:.0f} s")


async def _feed(stream: Stream, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        await stream.send(piece)


def _is_whole(output: bytes) -> bool:
    return output.endswith(b"end\n")


def _is_acknowledged(output: bytes) -> bool:
    return output.endswith(b"\n")


def _refuse(code: str) -> None:
    """Raise what a batch was refused for."""
    if code == "torn":
        raise ProtocolError("the batch did not arrive whole")
    if code == "elsewhere":
        raise TransportError("the container was restarted")
    if code == "root-missing":
        raise TransportError("the folder to sync to has gone")
    raise TargetError(
        f"nothing of the batch could be stored: {code.replace('-', ' ')}",
        hint="free space, or make the folder or /tmp writable for the container's user",
    )
