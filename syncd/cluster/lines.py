"""Lines out of chunks that were cut anywhere."""

from collections.abc import AsyncGenerator

from syncd.cluster.ports import Body
from syncd.errors import ProtocolError


async def lines_of(body: Body, longest: int) -> AsyncGenerator[bytes, None]:
    """Yield the complete lines of `body`, without their ends. Use with `aclosing`.

    What stands after the last newline is dropped: it was cut off.

    Raises:
        ProtocolError: If a line is longer than `longest`.
        TransportError: If the body is cut.
    """
    kept: list[bytes] = []
    size = 0
    while chunk := await body.chunk():
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield b"".join((*kept, line))
            kept, size = [], 0
        kept.append(rest)
        size += len(rest)
        if size > longest:
            raise ProtocolError(f"a line of more than {longest} bytes")
