"""Looking at an endpoint."""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
import trustme
from anyio.abc import SocketStream
from anyio.streams.tls import TLSStream

from syncd.bench.look import Endpoint, is_whole
from syncd.errors import ConfigError


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"", False),
        (HEAD + b"content-length: 2\r\n", False),
        (HEAD + b"content-length: 2\r\n\r\no", False),
        (HEAD + b"Content-Length: 2\r\n\r\nok", True),
        (HEAD + b"content-length: 0\r\n\r\n", True),
        (HEAD + b"content-length: two\r\n\r\nok", False),
        (HEAD + b"\r\nok", False),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n", False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_says_itself_where_it_ends(answer: bytes, whole: bool) -> None:
    assert is_whole(answer) is whole


Answer = Callable[[SocketStream], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Answer connections while the block lasts; yield the port."""
    listener = await anyio.create_tcp_listener(local_host=host)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def test_nobody_waits_for_the_end_of_a_connection() -> None:
    async def answer(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(HEAD + b"content-length: 4\r\n\r\nmark")
            await anyio.sleep_forever()

    async with serving(answer) as port:
        with anyio.fail_after(2):
            await Endpoint("127.0.0.1", port, "/").until("mark")


async def test_a_server_is_told_an_address_of_six_as_the_url_has_it() -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    heard = b""

    async def answer(stream: SocketStream) -> None:
        nonlocal heard
        async with stream:
            heard = await stream.receive()
            await stream.send(HEAD + b"content-length: 0\r\n\r\n")

    async with serving(answer, "::1") as port:
        await Endpoint.parse(f"http://[::1]:{port}/").answer()

    assert f"Host: [::1]:{port}\r\n".encode() in heard


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


async def test_a_certificate_that_is_not_trusted_is_named() -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)

    async def answer(stream: SocketStream) -> None:
        async with stream:
            with suppress(ssl.SSLError):
                await TLSStream.wrap(stream, ssl_context=server, server_side=True)

    async with serving(answer) as port:
        endpoint = Endpoint.parse(f"https://127.0.0.1:{port}/")
        with anyio.fail_after(5), pytest.raises(ConfigError) as caught:
            await endpoint.until("mark")

    said = f"the certificate of https://127.0.0.1:{port}/ is not trusted: "
    assert str(caught.value).startswith(said)
    assert "SSL_CERT_FILE" in caught.value.hint
