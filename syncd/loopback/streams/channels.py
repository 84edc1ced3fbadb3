"""The channel protocols of exec, attach and port-forward (no I/O)."""

import base64
import binascii
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from syncd.loopback.dialect import Dialect
from syncd.loopback.streams.frames import Opcode, frame


STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
_CLOSE = 255


@dataclass(frozen=True, slots=True)
class Protocol:
    """How channels are told apart, and what else there is.

    Attributes:
        name: The subprotocol.
        text: Whether frames are text in base64.
        status: Whether the end is told on the error channel.
        closes: Whether the client can close a channel.
    """

    name: str
    text: bool = False
    status: bool = False
    closes: bool = False

    def encode(self, channel: int, data: bytes) -> bytes:
        """Return a frame that carries `data` on a channel."""
        if self.text:
            return frame(Opcode.TEXT, b"%d" % channel + base64.b64encode(data))
        return frame(Opcode.BINARY, bytes((channel,)) + data)

    def decode(self, message: bytes) -> "Data | CloseChannel | Broken | None":
        """Return what a message of the client means; `None` for nothing."""
        if not message:
            return None
        if self.text:
            return _decode_text(message)
        channel, data = message[0], message[1:]
        if channel != _CLOSE or not self.closes:
            return Data(channel, data)
        if len(data) != 1 or data[0] > RESIZE:
            return Broken()
        return CloseChannel(data[0])


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes on a channel."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CloseChannel:
    """The client will send no more on a channel."""

    channel: int


@dataclass(frozen=True, slots=True)
class Broken:
    """What the server ends the connection for."""


def _decode_text(message: bytes) -> Data | None:
    try:
        return Data(message[0] - ord("0"), base64.b64decode(message[1:], validate=True))
    except binascii.Error:
        return None


V5 = Protocol("v5.channel.k8s.io", status=True, closes=True)
V4 = Protocol("v4.channel.k8s.io", status=True)
V4_TEXT = Protocol("v4.base64.channel.k8s.io", text=True, status=True)
_PLAIN = Protocol("channel.k8s.io")
_PLAIN_TEXT = Protocol("base64.channel.k8s.io", text=True)
NAMELESS = Protocol("")
TUNNEL = Protocol("SPDY/3.1+portforward.k8s.io")


class Endpoint(enum.Enum):
    """What the channels are for: each knows other protocols."""

    COMMAND = (V4, V4_TEXT, _PLAIN, _PLAIN_TEXT)
    PORT_FORWARD = (V4, V4_TEXT)


def choose(
    offered: Sequence[str], endpoint: Endpoint, dialect: Dialect
) -> Protocol | None:
    """Return the protocol that is spoken, or `None` if the client must be refused.

    What came after 1.20 is taken wherever the client put it, because a server looks
    for it before it looks at the rest; of the rest the client's first counts.
    """
    if not offered:
        return NAMELESS
    newer = V5 if endpoint is Endpoint.COMMAND else TUNNEL
    if dialect.modern and newer.name in offered:
        return newer
    known = {protocol.name: protocol for protocol in endpoint.value}
    return next((known[name] for name in offered if name in known), None)
