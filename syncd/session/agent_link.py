"""The link to the agent: one warm stream, frames both ways."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import count

import anyio
from anyio import to_thread

from syncd import wire
from syncd.cluster import Exit, Output, Probe
from syncd.delta import Delta
from syncd.errors import ProtocolError, TransportError
from syncd.session import answers
from syncd.session.answers import chunks, entries, gathered, may_equal, root_state
from syncd.session.link import Ack, Hello, Ran, ReloadAnswer, Sent
from syncd.session.owed import Root
from syncd.session.questions import Questions
from syncd.session.reload_answers import ReloadAnswers
from syncd.session.stream import Patience, ProcessEnded, Silent, Stream
from syncd.tree import Change, Entry, Tree


LONG_LINK_MS = 5.0  # from this round trip on, deflating costs less than sending


class AgentLink:
    """Speaks to the agent over an exec stream.

    Open it with `meet`; then `serve` must run for as long as it is used.

    Args:
        stream: Where the agent is, or will be.
        roots: The sync roots.
        patience: How long the stream may be silent.
        session: Stands for all agents of one session: the new one ends those before.
    """

    window = 8
    asks = True

    def __init__(
        self,
        stream: Stream,
        roots: Sequence[Root],
        patience: Patience,
        session: str = "",
    ) -> None:
        self._stream = stream
        self._patience = patience
        self._session = session
        self._roots = roots
        self._decoder = wire.Decoder()
        self._questions = Questions()
        self._ids = count(1)
        self._turn = anyio.Lock()  # a batch is many messages
        self._sending = anyio.Lock()
        self._heard_s = anyio.current_time()
        self._deltas: dict[int, Delta] = {}
        self._reload_answers = ReloadAnswers()
        self._stderr = b""
        self._hello: Hello | None = None

    @property
    def hello(self) -> Hello:
        """Who answered."""
        assert self._hello is not None, "meet comes first"
        return self._hello

    async def meet(self, boot: bytes, via: str) -> None:
        """Hand the agent over and wait for its greeting.

        Args:
            boot: The agent, as its boot line reads it.
            via: What runs it, for events.

        Raises:
            TransportError: If it does not answer in time.
            ProcessEnded: If the process ended instead.
        """
        greeting = {
            "op": "hello",
            "roots": [root.remote for root in self._roots],
            "session": self._session,
            # Gone before we would have given up, and another agent comes.
            "silence_s": (self._patience.ping_s + self._patience.silence_s) / 2,
        }
        with anyio.move_on_after(self._patience.handshake_s):
            await self._stream.send(boot)
            await self._say(greeting)
            answer = await self._next("hello")
            round_trips = [await self._round_trip_ms() for _ in range(3)]
            self._hello = Hello(
                via=f"{via} {answer['python']}",
                protocol=self._stream.protocol,
                user=str(answer["user"]),
                round_trip_ms=min(round_trips),  # the rest is noise
                roots=tuple(root_state(state) for state in answer["roots"]),
            )
            return
        raise Silent(
            f"the agent did not answer within {self._patience.handshake_s:.0f} s"
        )

    async def _round_trip_ms(self) -> float:
        asked = anyio.current_time()
        await self._say({"op": "ping", "id": 0})
        await self._next("pong")
        return (anyio.current_time() - asked) * 1000

    async def serve(self) -> None:
        """Read what arrives, and ask for a sign of life where nothing does."""
        asked = False
        while True:
            messages = None
            ping_s, silence_s = self._limits()
            with anyio.move_on_after(ping_s):
                messages = await self._receive()
            if messages is not None:
                asked = False
                for message in messages:
                    self._take(message)
                continue
            silent_s = anyio.current_time() - self._heard_s
            if asked and silent_s > silence_s - ping_s / 2:
                raise Silent(f"nothing was heard for {silent_s:.0f} s")
            # A stream that takes nothing any more must not keep us from noticing.
            with anyio.move_on_after(ping_s):
                # In the middle of a batch too, which a slow disk may hold up.
                await self._send(wire.encode({"op": "ping", "id": 0}))
            asked = True

    def _limits(self) -> tuple[float, float]:
        """Return after how long to ask for a sign of life, and to give up."""
        patience = self._patience
        if not self._questions:
            return patience.ping_s, patience.silence_s
        silence_s = min(patience.silence_s, patience.working_s)
        return min(patience.ping_s, silence_s / 2), silence_s

    async def listing(
        self, root: int, dirs: Collection[bytes], local: Tree
    ) -> Mapping[bytes, Entry]:
        """See `Link.listing`."""
        found: dict[bytes, Entry] = {}
        for some in chunks(dirs):
            names = [wire.as_text(path) for path in some]
            answer = await self._ask("list", root=root, dirs=names)
            found.update(entries(answer["entries"]))
        doubtful = [
            path for path, entry in found.items() if may_equal(entry, local.get(path))
        ]
        for some in chunks(doubtful):
            names = [wire.as_text(path) for path in some]
            answer = await self._ask("hash", root=root, paths=names)
            for name, digest in answer.get("digests", {}).items():
                path = wire.as_path(name)
                found[path] = replace(found[path], digest=bytes.fromhex(digest))
        return found

    async def send(
        self, batch: int, root: int, changes: Sequence[Change], held: Tree
    ) -> Sent:
        """See `Link.send`."""
        self._questions.ask("applied", batch)
        async with self._turn:
            return await self._deliver(batch, root, changes, held)

    async def ack(self, batch: int) -> Ack:
        """See `Link.ack`."""
        answer = await self._questions.answer("applied", batch)
        self._deltas.pop(batch).confirm(answer)
        return answers.ack(answer)

    async def reload_answer(self) -> ReloadAnswer:
        """See `Link.reload_answer`."""
        return await self._reload_answers.get()

    async def run(
        self, argv: Sequence[str], *, cwd: str | None, timeout_s: float
    ) -> Ran:
        """See `Link.run`."""
        answer = await self._ask(
            "run", "ran", argv=list(argv), cwd=cwd, timeout_s=timeout_s
        )
        return Ran(answer["code"], answer["output_tail"])

    async def signal(self, match: str, signal: str) -> Ran:
        """See `Link.signal`."""
        answer = await self._ask("signal", "signalled", match=match, signal=signal)
        return Ran(answer["code"], answer["output_tail"])

    async def ready(self, probe: Probe, limit_s: float) -> str:
        """See `Link.ready`."""
        answer = await self._ask("ready", probe=asdict(probe), limit_s=limit_s)
        return str(answer["reason"])

    async def close(self) -> None:
        """Let the agent go; that the wire is gone already is no matter."""
        with anyio.move_on_after(1, shield=True), suppress(TransportError):
            await self._say({"op": "bye"})

    # --- asking and answering -------------------------------------------------

    async def _ask(self, op: str, reply: str = "", **fields: object) -> wire.Message:
        number = next(self._ids)
        self._questions.ask(reply or op, number)
        await self._say({"op": op, "id": number, **fields})
        return await self._questions.answer(reply or op, number)

    def _take(self, message: wire.Message) -> None:
        match message["op"]:
            case "pong" | "busy":
                pass
            case "fatal":
                raise ProtocolError(f"the agent gave up: {message.get('error')}")
            case "reloaded":
                self._reload_answers.put(answers.reload_answer(message))
            case _:
                self._questions.take(message)

    async def _next(self, op: str) -> wire.Message:
        """Wait for a message of the handshake, before `serve` runs."""
        while True:
            for message in await self._receive():
                if message["op"] == op:
                    return message

    # --- the wire ---------------------------------------------------------------

    async def _say(self, message: wire.Message) -> None:
        async with self._turn:
            await self._send(wire.encode(message))

    async def _send(self, frames: bytes) -> None:
        async with self._sending:
            await self._stream.send(frames)

    async def _receive(self) -> list[wire.Message]:
        event = await self._stream.receive()
        self._heard_s = anyio.current_time()
        match event:
            case Output(channel=1, data=data):
                frames = self._decoder.feed(data)
                return [frame for frame in frames if not isinstance(frame, wire.Data)]
            case Output(data=data):
                self._stderr = (self._stderr + data)[-2000:]
                return []
            case Exit(code=code):
                raise ProcessEnded(code, self._stderr.decode("utf-8", "replace"))

    async def _deliver(
        self, batch: int, root: int, changes: Sequence[Change], held: Tree
    ) -> Sent:
        place = self._roots[root]
        delta = Delta(
            place.local,
            changes,
            held=held,
            replica=place.whole,
            compress=self.hello.round_trip_ms > LONG_LINK_MS,
            content=place.content,
            clock=time.monotonic,
        )
        pieces = gathered(delta.frames(batch, root), time.monotonic)
        packed_s = sent_s = 0.0
        more = True
        while more:
            started = anyio.current_time()
            if delta.pack.at_hand:
                piece, more = next(pieces)
            else:
                piece, more = await to_thread.run_sync(next, pieces)
            packed = anyio.current_time()
            packed_s += packed - started
            await self._send(piece)
            sent_s += anyio.current_time() - packed
        self._deltas[batch] = delta
        return Sent(
            size=delta.pack.size,
            wire_size=delta.wire_bytes,
            packed_ms=packed_s * 1000,
            sent_ms=sent_s * 1000,
            torn=tuple(delta.pack.torn),
            unread=answers.unread(delta.pack.unread),
        )
