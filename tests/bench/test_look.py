"""Looking at an endpoint."""

import anyio
import pytest
from anyio.abc import SocketStream

from syncd.bench.look import Endpoint, is_whole


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


async def test_nobody_waits_for_the_end_of_a_connection() -> None:
    async def answer(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(HEAD + b"content-length: 4\r\n\r\nmark")
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(2):
            await Endpoint("127.0.0.1", port, "/").until("mark")
        tasks.cancel_scope.cancel()
