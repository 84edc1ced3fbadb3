"""The side that answers: part of the running `syncd watch`."""

import contextlib
import reprlib
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Protocol

import anyio
from anyio.abc import SocketAttribute, SocketStream, TaskStatus

from syncd.control.hub import Hub
from syncd.control.lines import Lines, Malformed, line
from syncd.control.status import ReplicaStatus, Status, Waited
from syncd.errors import ConfigError, Overdue, SyncdError


CLIENTS = 32  # at once
SPARE = 4  # more, that may only ask for a stop: idle ones must not keep it out
ASK_S = 1.0  # how long those take to ask
WRITE_S = 10.0
WAIT_S = 60.0  # unless the request says how long
LONGEST_WAIT_S = 1e9  # 30 years; JSON has numbers that no float can hold
_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, TimeoutError)
_NAMED = 5  # of the batches that are waited for in vain
_FULL = f"{CLIENTS} clients are connected already"
_PLATFORM: str = sys.platform


class Service(Protocol):
    """What can be asked of the daemon."""

    def status(self) -> Status:
        """Return how things stand."""
        ...

    async def wait(self, *, ready: bool) -> Waited:
        """Return when all that was saved before the call is applied everywhere.

        Args:
            ready: Wait until it is served, too.

        Raises:
            SyncdError: What stands in the way.
        """
        ...

    def stop(self) -> None:
        """Have the daemon end."""
        ...


async def serve(
    path: Path,
    service: Service,
    hub: Hub,
    uid: int,
    *,
    write_s: float = WRITE_S,
    ask_s: float = ASK_S,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Answer at a socket until cancelled. What stands at the path goes.

    Args:
        path: The socket, in a folder that only this user can enter.
        service: Who knows the answers.
        hub: Where events come from.
        uid: The user who may ask.
        write_s: A client that takes nothing for so long is let go.
        ask_s: So is one of too many that asks nothing for so long.
        task_status: Is told when it can be connected to.
    """
    names = count(1)
    slots = anyio.CapacityLimiter(CLIENTS + SPARE)
    async with await anyio.create_unix_listener(path, mode=0o600) as listener:

        async def answer(stream: SocketStream) -> None:
            async with stream:
                name = f"client {next(names)}"
                client = _Conversation(stream, service, hub, name, write_s)
                raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  # no Django
                peer, free = _user_of(raw), slots.available_tokens
                if peer != uid:
                    await client.refuse(f"user {peer} may not ask this syncd anything")
                elif not free:
                    await client.refuse(_FULL)
                elif free <= SPARE:
                    async with slots:
                        await client.stop_or_refuse(_FULL, ask_s)
                else:
                    async with slots:
                        await client.run()

        task_status.started()
        await listener.serve(answer)


class _Conversation:
    """One client: a request, its answer, the next request."""

    def __init__(
        self,
        stream: SocketStream,
        service: Service,
        hub: Hub,
        name: str,
        write_s: float,
    ) -> None:
        self._write_s = write_s
        self._stream = stream
        self._lines = Lines(stream)
        self._service = service
        self._hub = hub
        self._name = name

    async def run(self) -> None:
        """Answer until the client goes."""
        with contextlib.suppress(*_GONE):
            while True:
                try:
                    await self._answer(await self._lines.next())
                except Malformed as error:
                    await self.refuse(str(error))
                    return

    async def stop_or_refuse(self, reason: str, limit_s: float) -> None:
        """Do as a client asks if that is to stop, and it asks in time."""
        with contextlib.suppress(*_GONE, Malformed), anyio.fail_after(limit_s):
            request = await self._lines.next()
            if request.get("request") == "stop":
                await self._answer(request)
                return
        await self.refuse(reason)

    async def refuse(self, reason: str) -> None:
        """Say why there is no answer."""
        with contextlib.suppress(anyio.BrokenResourceError, TimeoutError):
            await self._send(_failure(ConfigError(reason)))

    async def _answer(self, request: Mapping[str, object]) -> None:
        match request.get("request"):
            case "status":
                await self._send({"ok": True, **asdict(self._service.status())})
            case "wait":
                await self._wait(request)
            case "stop":
                await self._send({"ok": True})
                self._service.stop()
            case "events":
                await self._tell_events()
            case other:
                await self.refuse(
                    f"the request {reprlib.repr(other)} is none of status, wait, stop"
                    " and events"
                )

    async def _wait(self, request: Mapping[str, object]) -> None:
        limit_s = request.get("timeout_s", WAIT_S)
        if not isinstance(limit_s, int | float) or not limit_s >= 0:
            shown = reprlib.repr(limit_s)
            await self.refuse(f"timeout_s is {shown}, and must be a number")
            return
        limit_s = min(limit_s, LONGEST_WAIT_S)
        answer: Mapping[str, object] | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._leave, tasks.cancel_scope)
            answer = await self._waited(ready=bool(request.get("ready")), s=limit_s)
            tasks.cancel_scope.cancel()
        if answer is not None:
            await self._send(answer)

    async def _leave(self, scope: anyio.CancelScope) -> None:
        """Cancel what is done for the client when that has gone."""
        await self._lines.until_gone()
        scope.cancel()

    async def _waited(self, *, ready: bool, s: float) -> Mapping[str, object]:
        try:
            with anyio.move_on_after(s):
                waited = await self._service.wait(ready=ready)
                return {"ok": True, **asdict(waited)}
        except SyncdError as error:
            return _failure(error)
        return _failure(_overdue(self._service.status(), s, ready=ready))

    async def _tell_events(self) -> None:
        """Send every event until the client goes, or is too slow."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._leave, tasks.cancel_scope)
            # What ends this client must not leave the group, and end the daemon. One
            # that went is not hurried: `_leave` is about to see it by itself.
            with contextlib.suppress(anyio.BrokenResourceError):
                with contextlib.suppress(TimeoutError):
                    await self._tell_each()
                tasks.cancel_scope.cancel()
        raise anyio.EndOfStream

    async def _tell_each(self) -> None:
        with self._hub.reading(self._name) as records:
            await self._send({"ok": True})
            async for record in records:
                try:
                    await self._send(record)
                except TimeoutError:
                    self._hub.drop(self._name)
                    raise
        # The stream of records ended: this reader was too slow for it.
        await self._send({"event": "events.dropped", "reader": self._name})

    async def _send(self, fields: Mapping[str, object]) -> None:
        with anyio.fail_after(self._write_s):
            await self._stream.send(line(fields))


def _failure(error: SyncdError) -> dict[str, object]:
    said = {"message": str(error), "hint": error.hint, "code": error.exit_code}
    return {"ok": False, "error": said}


def _overdue(status: Status, limit_s: float, *, ready: bool) -> Overdue:
    """Return what is to be said when the time of a wait has run out."""
    late = [
        f"{replica.pod}/{replica.container} is {replica.state}"
        for target in status.targets
        for replica in target.replicas
        if replica.state != "in step"
    ]
    if ready and not late:
        late = [
            f"{replica.pod}/{replica.container}: {_unserved(replica)}"
            for target in status.targets
            for replica in target.replicas
            if replica.waiting or not replica.ready
        ]
    lone = [*status.away]
    lone += [f"{t.target} has no replica" for t in status.targets if not t.replicas]
    if status.phase == "connecting":
        lone = ["the cluster was not reached yet"]
    why = "; ".join([*lone, *late]) or "there was no end of the writing"
    goal = "served" if ready else "applied"
    return Overdue(
        f"not all was {goal} within {limit_s:g} s: {why}", hint="syncd status --why"
    )


def _unserved(replica: ReplicaStatus) -> str:
    if replica.reload:
        return replica.reload
    if not replica.waiting:
        return "it is not ready"
    last = replica.waiting[-_NAMED:]
    before = len(replica.waiting) - len(last) + replica.waiting_too
    more = f" and {before:,} before" if before else ""
    return f"it is not seen to serve batch {', '.join(map(str, last))}{more}"


def _user_of(connection: socket.socket) -> int:
    """Return the user at the other end; -1 if the system does not say."""
    if _PLATFORM == "linux":
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _, user, _ = struct.unpack("=iii", packed)
        return int(user)
    if _PLATFORM == "darwin":
        packed = connection.getsockopt(0, 0x001, 76)  # SOL_LOCAL, LOCAL_PEERCRED
        return int(struct.unpack_from("=II", packed)[1])
    return -1
