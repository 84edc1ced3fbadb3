"""The link between clients and the embedded cluster, and what can be wrong with it.

It stands between the TLS transport and the HTTP server, so that every connection goes
through it. Without a fault it hands bytes on as they come.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from syncd.loopback.network.lane import Shape
from syncd.loopback.network.wire import Direction, Wire


Only = Callable[[Wire], bool]


class Link:
    """All connections to one server, and the faults that are on.

    Every fault takes `only`, which chooses connections; without it, it is all of them.
    """

    def __init__(self) -> None:
        self._wires: set[Wire] = set()
        self._shape: Shape | None = None

    @property
    def connections(self) -> tuple[Wire, ...]:
        """Those that are open."""
        return tuple(self._wires)

    def wrap(
        self, factory: Callable[[], asyncio.BaseProtocol]
    ) -> Callable[[], asyncio.BaseProtocol]:
        """Return a protocol factory whose connections go through this link."""

        def make() -> Wire:
            return Wire(self._wires, factory(), self._shape)

        return make

    def cut(self, only: Only | None = None) -> int:
        """Reset connections; return how many."""
        return self._each(only, Wire.cut)

    def cut_after(
        self, count: int, direction: Direction, only: Only | None = None
    ) -> int:
        """Reset connections once so many more bytes went a way; return how many."""
        return self._each(only, lambda wire: wire.cut_after(count, direction))

    def stall(self, only: Only | None = None) -> int:
        """Let no byte through on connections that stay; return how many."""
        return self._each(only, Wire.stall)

    def resume(self, only: Only | None = None) -> int:
        """Let bytes through again, those held back first; return on how many."""
        return self._each(only, Wire.resume)

    def half_open(self, only: Only | None = None) -> int:
        """Lose all that either side sends, its end too; return on how many.

        The client sees a server that has fallen silent; the server never learns that
        the client went.
        """
        return self._each(only, Wire.half_open)

    def shape(self, rtt_ms: float, bits_per_s: float = 0) -> None:
        """Make the link slow, for connections that are and that will be.

        Args:
            rtt_ms: The round trip; a new connection pays for its handshakes as well.
            bits_per_s: In each direction of each connection; 0 for no limit.
        """
        self._shape = Shape(rtt_ms / 1000, bits_per_s)
        self._each(None, lambda wire: wire.shape(self._shape))

    def unshape(self) -> None:
        """Make the link fast again."""
        self._shape = None
        self._each(None, lambda wire: wire.shape(None))

    def close(self) -> None:
        """Drop every connection, at once."""
        self._each(None, Wire.drop)

    def _each(self, only: Only | None, act: Callable[[Wire], None]) -> int:
        chosen = [w for w in self.connections if only is None or only(w)]
        for wire in chosen:
            act(wire)
        return len(chosen)


LINK = web.AppKey("LINK", Link)
