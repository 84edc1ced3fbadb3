"""A process in a container, through the exec subresource of its Pod."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from syncd.cluster.api import Api
from syncd.cluster.channel import PROTOCOLS, V4, Channel, Exit, Failure, Output
from syncd.cluster.failures import (
    Answer,
    Asked,
    CommandNotFound,
    Invalid,
    NotFound,
    NotRunning,
    refusal,
)
from syncd.cluster.pods import Replica
from syncd.cluster.ports import HandshakeRefused, Params, Socket
from syncd.errors import ProtocolError, SyncdError, TargetError, TransportError


class ExecStream:
    """The process's stdin, stdout, stderr and end.

    One task may send while another receives, and somebody should be receiving all the
    time: what the API server sends is buffered up to a point, and then stands still,
    the answers to pings with it.

    A process that ends by itself may leave the stream open without a word, if it did
    not read its stdin. Deadlines are the caller's.
    """

    def __init__(self, socket: Socket, replica: Replica, argv: Sequence[str]) -> None:
        self._socket = socket
        self._channel = Channel(socket.protocol)
        self._replica = replica
        self._argv = argv

    @property
    def protocol(self) -> str:
        """`v5.channel.k8s.io`, or `v4.…`."""
        return self._channel.protocol

    async def send(self, data: bytes | memoryview) -> None:
        """Write to the process's stdin, and wait until the transport has taken it.

        Raises:
            TransportError: If the stream is gone.
        """
        for message in self._channel.stdin(data):
            await self._socket.send(message)

    async def close_stdin(self) -> bool:
        """End the process's stdin; return False where v4 cannot."""
        message = self._channel.close_stdin()
        if message is None:
            return False
        await self._socket.send(message)
        return True

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the process's terminal its size."""
        await self._socket.send(self._channel.resize(columns, rows))

    async def receive(self) -> Output | Exit:
        """Return what the process wrote next, or how it ended.

        Raises:
            CommandNotFound: If the container has no such program.
            NotRunning: If the container was not there to run it.
            TargetError: If it could not be run for another reason.
            TransportError: If the stream ended without a word on how the process did.
        """
        while True:
            message = await self._socket.receive()
            if message is None:
                raise TransportError(f"{_where(self._replica)}: the stream ended")
            match self._channel.receive(message):
                case None:
                    continue
                case Failure(message=said):
                    raise failure(said, self._replica, self._argv)
                case event:
                    return event


@asynccontextmanager
async def open_exec(
    api: Api,
    replica: Replica,
    argv: Sequence[str],
    *,
    stdin: bool = True,
    tty: bool = False,
    protocols: Sequence[str] = PROTOCOLS,
) -> AsyncIterator[ExecStream]:
    """Run a program in a container; the stream is closed at the end, the process not.

    A process whose client is gone may live on or be killed, and the only sure sign for
    it is the end of its stdin.

    Args:
        api: The cluster.
        replica: The container.
        argv: The program and its arguments.
        stdin: Whether it gets one.
        tty: Whether it gets a terminal; stderr then comes as stdout.
        protocols: The subprotocols to offer.

    Raises:
        Forbidden: If a Role is missing.
        NotRunning: If the container is not running.
        TargetError: If there is no such container.
        TransportError: If the API server cannot be reached, or reach the container.
    """
    params = [
        *(("command", word) for word in argv),
        ("container", replica.container),
        ("stdin", str(stdin).lower()),
        ("stdout", "true"),
        ("stderr", str(not tty).lower()),
        ("tty", str(tty).lower()),
    ]
    socket = await _dial(api, replica, params, protocols)
    try:
        yield ExecStream(socket, replica, argv)
    finally:
        await socket.aclose()


async def _dial(
    api: Api, replica: Replica, params: Params, protocols: Sequence[str]
) -> Socket:
    path = f"/api/v1/namespaces/{replica.namespace}/pods/{replica.pod}/exec"
    try:
        socket = await api.websocket(path, params, protocols)
    except HandshakeRefused as refused:
        answer = refused.answer
    else:
        await ensure_agreed(socket, protocols)
        return socket
    if _is_protocol_refused(answer) and V4 in protocols[1:]:
        # Somebody on the way looks at the first offer only.
        return await _dial(api, replica, params, (V4,))
    raise refused_exec(replica, answer)


async def ensure_agreed(socket: Socket, protocols: Sequence[str]) -> None:
    """Close the socket and raise if the server took none of the protocols offered.

    It would speak a dialect without an exit status.
    """
    if socket.protocol not in protocols:
        await socket.aclose()
        raise ProtocolError(
            f"the API server chose none of the subprotocols {', '.join(protocols)}",
            hint="does a proxy on the way to it drop Sec-WebSocket-Protocol?",
        )


def _is_protocol_refused(answer: Answer) -> bool:
    """Tell a refused subprotocol from a missing permission: it has no body."""
    return answer.status == 403 and not answer.body.strip()


def refused_exec(replica: Replica, answer: Answer) -> SyncdError:
    """Return the error for an exec that was not even begun."""
    where = _where(replica)
    if _is_protocol_refused(answer):
        return TransportError(
            f"{where}: the API server speaks neither v5 nor v4 of the exec protocol"
            " over WebSocket",
            hint="does a proxy on the way to the API server block WebSockets?",
        )
    verdict = _gone(answer.message, where)
    if verdict:
        return verdict
    asked = Asked("create", "pods/exec", "", replica.namespace, replica.pod)
    error = refusal(asked, answer)
    if isinstance(error, NotFound):
        return NotRunning(f"{where}: {answer.message}")
    if isinstance(error, Invalid):
        return TargetError(f"{where}: {answer.message}")
    return error


_GONE = re.compile(
    r"container not found"
    r"|does not have a host assigned"
    r"|container .*is not (created or )?running"
    r"|cannot exec in a (stopped|deleted|paused)"
    r"|no running task found|task .*not found|process already finished"
    r"|container is in CONTAINER_(EXITED|CREATED)"
)
_FOLDER = re.compile(r'chdir to cwd \("(?P<folder>[^"]*)"\).*?: (?P<why>[^:]+)')
_MISSING = re.compile(
    r"executable file not found|no such file or directory|permission denied"
    r"|exec format error|is a directory"
)
_NOISE = re.compile(
    r"Internal error occurred: |error executing command in container: "
    r"|unable to upgrade connection: |failed to exec in container: "
    r'|failed to start exec "[0-9a-f]{64}": |OCI runtime exec failed: '
    r"|exec failed: |unable to start container process: |: unknown$"
)


def failure(message: str, replica: Replica, argv: Sequence[str]) -> SyncdError:
    """Return the error for a status that says that the process did not run."""
    where = _where(replica)
    if verdict := _gone(message, where):
        return verdict
    said = _NOISE.sub("", message).strip()
    if folder := _FOLDER.search(message):
        return TargetError(
            f'{where}: its working folder "{folder["folder"]}" cannot be entered:'
            f" {folder['why'].strip()}",
            hint="mend workingDir or WORKDIR of the container",
        )
    if missing := _MISSING.search(message):
        return CommandNotFound(f'{where}: cannot run "{argv[0]}": {missing[0]}')
    return TransportError(f"{where}: the exec failed: {said or 'no reason given'}")


def _gone(message: str, where: str) -> NotRunning | None:
    if _GONE.search(message):
        said = _NOISE.sub("", message).strip()
        return NotRunning(f"{where} is not running: {said}")
    return None


def _where(replica: Replica) -> str:
    return f"{replica.namespace}/{replica.pod} container {replica.container}"
