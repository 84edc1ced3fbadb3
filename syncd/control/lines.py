"""What crosses the socket: JSON objects, one a line."""

import json
from collections.abc import Mapping
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream


LONGEST = 1 << 20  # bytes of one line


class Malformed(Exception):
    """A line is too long, or is not a JSON object."""


class Lines:
    """The lines of a stream.

    Args:
        stream: Where they come from.
    """

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  # no Django
        self._buffer = bytearray()

    async def next(self) -> dict[str, Any]:
        """Return the next object.

        Raises:
            EndOfStream: If there is none.
            Malformed: If there is something else.
        """
        while b"\n" not in self._buffer:
            await self._receive()
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        if len(line) > LONGEST:
            raise Malformed("too long a line")
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"not JSON: {error}") from error
        if not isinstance(found, dict):
            raise Malformed("not a JSON object")
        return found

    async def until_gone(self) -> None:
        """Return when the other side has ended the stream; keep what it sends."""
        while True:
            try:
                await self._receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError, Malformed):
                return

    async def _receive(self) -> None:
        if len(self._buffer) > LONGEST:
            raise Malformed("too long a line")
        # Cancelled in receive() just as the other side goes, asyncio would log an error.
        await anyio.wait_readable(self._socket)
        self._buffer += await self._stream.receive()


def line(fields: Mapping[str, object]) -> bytes:
    """Return an object as a line."""
    return json.dumps(fields, default=str).encode() + b"\n"
