"""The exec stream of Kubernetes, without the stream.

Every WebSocket message is one channel byte and a payload. The client sends stdin (0),
a resize (4) and, from v5 on, the word that a channel ends (255). The server sends
stdout (1), stderr (2) and one status (3), and then closes.

Seen on Kubernetes 1.20 and 1.36, and so relied on here: a message must not be
fragmented (what follows the first fragment is lost) nor exceed 16 MiB or so; the first
message of the server is an empty one; no other frame follows the status; `ff` without
a channel, which no client should send, makes the server hang up.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from syncd.errors import ProtocolError


V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
PROTOCOLS = (V5, V4)

STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255

MAX_PAYLOAD = 2**20 - 1
"""Bytes of stdin in one message: with its channel byte, 1 MiB."""


@dataclass(frozen=True, slots=True)
class Output:
    """What the process wrote: to stdout (1) or stderr (2)."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Exit:
    """The process ran and ended; a signal shows as 128 + its number."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """The process did not run, or what became of it is not known."""

    message: str
    reason: str = ""


Event = Output | Exit | Failure


class Channel:
    """One end of an exec stream, the client's."""

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self._stdin_open = True
        self._over = False

    def stdin(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield the messages that carry `data`, each to be sent as one frame."""
        assert self._stdin_open, "stdin is closed"
        view = memoryview(data)
        for start in range(0, len(view), MAX_PAYLOAD):
            yield b"\x00" + view[start : start + MAX_PAYLOAD]

    def close_stdin(self) -> bytes | None:
        """Return the message that ends stdin, or None where v4 has no word for it.

        After the message nothing may follow on stdin: the server would drop it and
        say nothing.
        """
        if self.protocol != V5:
            return None
        self._stdin_open = False
        return bytes((CLOSE, STDIN))

    def resize(self, columns: int, rows: int) -> bytes:
        """Return the message that tells a terminal its size."""
        size = json.dumps({"Width": columns, "Height": rows})
        return bytes((RESIZE,)) + size.encode()

    def receive(self, message: bytes) -> Event | None:
        """Return what `message` means, or None if it carries nothing.

        Raises:
            ProtocolError: If no server should have sent this.
        """
        if self._over:
            raise ProtocolError("the API server sent a message after the exit status")
        payload = message[1:]
        if not payload:
            return None
        match message[0]:
            case 1 | 2:
                return Output(message[0], payload)
            case 3:
                self._over = True
                return _status(payload)
            case 255:
                return None
            case other:
                raise ProtocolError(f"the API server sent on channel {other}")


def _status(payload: bytes) -> Exit | Failure:
    try:
        status = json.loads(payload)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError(f"the exit status is not JSON: {payload[:80]!r}") from exc
    if not isinstance(status, dict):
        raise ProtocolError(f"the exit status is not an object: {payload[:80]!r}")
    if status.get("status") == "Success":
        return Exit(0)
    message = str(status.get("message") or "")
    code = _exit_code(status)
    if code is None:
        return Failure(message, str(status.get("reason") or ""))
    return Exit(code, message)


def _exit_code(status: dict[str, Any]) -> int | None:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            try:
                return int(str(cause.get("message")))
            except ValueError:
                raise ProtocolError(f"the exit code is not a number: {cause}") from None
    return None
