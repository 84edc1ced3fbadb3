"""Looking at an endpoint until it serves what was saved."""

import ssl
import time
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream

from syncd.errors import ConfigError


_EVERY_S = 0.004
_ONE_LOOK_S = 3.0
_LARGEST = 1 << 20
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the marker is served.

    Every look is a connection of its own, as a new visitor's is: nothing in it can be
    left over from before the reload.
    """

    host: str
    port: int
    path: str
    is_tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the endpoint of `url`.

        Raises:
            ConfigError: If it is no http or https URL.
        """
        wrong = ConfigError(f"{url!r} is not a URL", hint="write http://HOST:PORT/")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise wrong from None
        if not parts.hostname or parts.scheme not in _PORTS or port == 0:
            raise wrong
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        port = port or _PORTS[parts.scheme]
        return cls(parts.hostname, port, path, parts.scheme == "https")

    def __str__(self) -> str:
        scheme = "https" if self.is_tls else "http"
        return f"{scheme}://{self._authority}{self.path}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    async def until(self, marker: str) -> float:
        """Look until `marker` is in the answer; return when it was, monotonic."""
        wanted = marker.encode()
        while wanted not in await self.answer():  # noqa: ASYNC110  # it is HTTP
            await anyio.sleep(_EVERY_S)
        return time.monotonic()

    async def until_up(self) -> None:
        """Look until there is any answer."""
        while not await self.answer():  # noqa: ASYNC110  # it is HTTP
            await anyio.sleep(_EVERY_S * 5)

    async def answer(self) -> bytes:
        """Return the answer with its head, or b"" where there is none now.

        Raises:
            ConfigError: If its certificate is not trusted, which no time mends.
        """
        data = b""
        with anyio.move_on_after(_ONE_LOOK_S):
            try:
                data = await self._ask()
            except ssl.SSLCertVerificationError as error:
                raise ConfigError(
                    f"the certificate of {self} is not trusted: {error.verify_message}",
                    hint="name that of its authority in the variable SSL_CERT_FILE",
                ) from error
            except (OSError, ssl.SSLError, anyio.BrokenResourceError):
                return b""
        return data

    async def _ask(self) -> bytes:
        stream: ByteStream
        if self.is_tls:
            stream = await anyio.connect_tcp(self.host, self.port, tls=True)
        else:
            stream = await anyio.connect_tcp(self.host, self.port)
        async with stream:
            head = f"GET {self.path} HTTP/1.1\r\nHost: {self._authority}\r\n"
            await stream.send(f"{head}Connection: close\r\n\r\n".encode())
            data = b""
            async for part in stream:
                data += part
                # A forwarded port may tell of the end a second after it.
                if is_whole(data) or len(data) > _LARGEST:
                    break
            return data


def is_whole(answer: bytes) -> bool:
    """Return whether nothing can follow in an answer, as far as it says itself."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    fields = {}
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields[name] = value.strip()
    if fields.get(b"transfer-encoding") == b"chunked":
        return body.endswith(b"0\r\n\r\n")
    size = fields.get(b"content-length", b"")
    return size.isdigit() and len(body) >= int(size)
