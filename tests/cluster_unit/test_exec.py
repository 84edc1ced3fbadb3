from pathlib import Path

import pytest
from aiohttp import web

from syncd.cluster import (
    Exit,
    Forbidden,
    Output,
    Unauthorized,
    open_exec,
)
from syncd.cluster.channel import V4, V5
from syncd.errors import ProtocolError, TransportError
from tests.cluster_unit.execs import WEB, cluster, drained, echo
from tests.cluster_unit.server import status


async def test_a_process_is_talked_to_over_v5(tmp_path: Path) -> None:
    async with cluster(tmp_path, echo) as api, open_exec(api, WEB, ["cat"]) as stream:
        assert stream.protocol == V5
        await stream.send(b"hello")
        assert await stream.receive() == Output(1, b"hello")

        assert await stream.close_stdin()
        assert await drained(stream) == [Exit(0)]


async def test_v4_is_taken_where_v5_is_not_spoken(tmp_path: Path) -> None:
    async with (
        cluster(tmp_path, echo, (V4,)) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        assert stream.protocol == V4
        assert not await stream.close_stdin()
        await stream.send(b"hello")
        assert await stream.receive() == Output(1, b"hello")


async def test_the_request_says_what_to_run_and_how(tmp_path: Path) -> None:
    asked: list[web.BaseRequest] = []
    argv = ["sh", "-c", 'echo "a;b" & c=+é']
    async with (
        cluster(tmp_path, echo, asked=asked) as api,
        open_exec(api, WEB, argv, stdin=False, tty=True) as stream,
    ):
        await stream.resize(80, 24)

    (request,) = asked
    assert request.path == "/api/v1/namespaces/shop/pods/web-0/exec"
    assert ";" not in request.raw_path
    assert request.query.getall("command") == argv
    flags = ("container", "stdin", "stdout", "stderr", "tty")
    assert [request.query[flag] for flag in flags] == [
        *("app", "false", "true", "false", "true"),
    ]
    assert request.headers["Sec-WebSocket-Protocol"] == f"{V5},{V4}"
    assert request.headers["Authorization"] == "Bearer secret"
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_a_refused_protocol_is_offered_again_alone(tmp_path: Path) -> None:
    def only_v4(request: web.BaseRequest) -> web.Response | None:
        if request.headers["Sec-WebSocket-Protocol"] != V4:
            return web.Response(status=403)
        return None

    async with (
        cluster(tmp_path, echo, (V4,), only_v4) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        assert stream.protocol == V4


async def test_a_server_without_either_protocol_is_named(tmp_path: Path) -> None:
    asked: list[web.BaseRequest] = []
    async with cluster(
        tmp_path, echo, (), lambda _: web.Response(status=403), asked=asked
    ) as api:
        with pytest.raises(TransportError, match="neither v5 nor v4") as refused:
            async with open_exec(api, WEB, ["cat"]):
                pass

    assert "WebSockets" in refused.value.hint
    assert len(asked) == 2


async def test_a_missing_permission_is_told_from_a_refused_protocol(
    tmp_path: Path,
) -> None:
    denied = exec_denied("cannot get")
    asked: list[web.BaseRequest] = []
    async with cluster(tmp_path, echo, refuse=lambda _: denied, asked=asked) as api:
        with pytest.raises(Forbidden, match="may not get pods/exec") as refused:
            async with open_exec(api, WEB, ["cat"]):
                pass

    assert 'verbs: ["get", "create"]' in refused.value.hint
    assert len(asked) == 1


def exec_denied(what: str) -> web.Response:
    return status(
        403,
        f'pods "web-0" is forbidden: User "system:serviceaccount:shop:dev" {what}'
        ' resource "pods/exec" in API group "" in the namespace "shop"',
        "Forbidden",
    )


async def test_a_401_is_answered_once_with_fresh_credentials(tmp_path: Path) -> None:
    asked: list[web.BaseRequest] = []

    def first(_request: web.BaseRequest) -> web.Response | None:
        return status(401, "Unauthorized") if len(asked) == 1 else None

    async with (
        cluster(tmp_path, echo, refuse=first, asked=asked) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        assert stream.protocol == V5


async def test_a_second_401_is_final(tmp_path: Path) -> None:
    def never(_request: web.BaseRequest) -> web.Response:
        return status(401, "Unauthorized")

    async with cluster(tmp_path, echo, refuse=never) as api:
        with pytest.raises(Unauthorized):
            async with open_exec(api, WEB, ["cat"]):
                pass


async def test_a_server_that_chooses_no_protocol_is_refused(tmp_path: Path) -> None:
    async with cluster(tmp_path, echo, ()) as api:
        with pytest.raises(ProtocolError, match="none of the subprotocols"):
            async with open_exec(api, WEB, ["cat"]):
                pass
