import datetime
import errno
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
import yaml
from aiohttp import web
from anyio.abc import SocketStream

from syncd.cluster import Api, Timing, Unauthorized, Unreachable, connect
from syncd.errors import ConfigError, Halted, SyncdError, TransportError
from tests.cluster_unit.server import (
    NAME,
    answer,
    free_port,
    server_tls,
    serving,
    status,
    write_kubeconfig,
)


PODS = "/api/v1/namespaces/shop/pods"
QUICK = Timing(request=5, connect=5, retry_first=0.001, retry_most=0.01)


@asynccontextmanager
async def connected(
    kubeconfig: Path, timing: Timing = QUICK, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Api]:
    async with connect(
        kubeconfig=kubeconfig, timing=timing, environ=environ or {}
    ) as api:
        yield api


def authorization(request: web.BaseRequest) -> str:
    return request.headers.get("Authorization", "")


async def show_request(request: web.BaseRequest) -> web.Response:
    return answer(
        {
            "authorization": authorization(request),
            "path": request.path_qs,
            "headers": list(request.headers.items()),
        }
    )


async def test_an_object_is_got_with_the_token_of_the_kubeconfig(
    tmp_path: Path,
) -> None:
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, url)
        async with connected(kubeconfig) as api:
            seen = await api.get(PODS, labelSelector="app in (a,b)", watch=False, x=None)

    assert seen["authorization"] == "Bearer secret"
    assert seen["path"] == f"{PODS}?labelSelector=app+in+%28a%2Cb%29&watch=false"
    assert (api.context, api.server, api.namespace) == (NAME, url, "default")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({"token": "t\n"}, "Bearer t"),
        ({}, ""),
    ],
)
async def test_each_kind_of_user_is_understood(
    tmp_path: Path, user: dict[str, str], expected: str
) -> None:
    async with serving(show_request) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            assert (await api.get(PODS))["authorization"] == expected


async def test_impersonation_of_the_kubeconfig_is_kept(tmp_path: Path) -> None:
    user = {
        "token": "t",
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": {"team": ["x"]},
    }
    async with serving(show_request) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            headers = (await api.get(PODS))["headers"]

    assert [pair for pair in headers if pair[0].startswith("Impersonate")] == [
        ["Impersonate-User", "jane"],
        ["Impersonate-Uid", "7"],
        ["Impersonate-Group", "a"],
        ["Impersonate-Group", "b"],
        ["Impersonate-Extra-team", "x"],
    ]


async def test_a_netrc_does_not_meddle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login a password b")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(show_request) as url:
        async with connected(write_kubeconfig(tmp_path, url, user={})) as api:
            assert (await api.get(PODS))["authorization"] == ""


async def test_a_path_in_the_servers_address_is_kept(tmp_path: Path) -> None:
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, f"{url}/k8s/clusters/c-1/")
        async with connected(kubeconfig) as api:
            assert (await api.get(PODS))["path"] == f"/k8s/clusters/c-1{PODS}"


# --- credentials that end while syncd runs ------------------------------------------


def only(token: str) -> Any:
    async def handle(request: web.BaseRequest) -> web.Response:
        if authorization(request) != f"Bearer {token}":
            return status(401, "Unauthorized", "Unauthorized")
        return answer({"items": []})

    return handle


async def test_a_401_has_the_kubeconfig_read_again(tmp_path: Path) -> None:
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"token": "old"})
        async with connected(kubeconfig) as api:
            with pytest.raises(Unauthorized) as refused:
                await api.get(PODS)
            write_kubeconfig(tmp_path, url, user={"token": "new"})

            assert await api.get(PODS) == {"items": []}

    assert 'user "me"' in str(refused.value)
    assert "old" not in str(refused.value)
    assert "sign in" in refused.value.hint


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"tokenFile": "token"})
        async with connected(kubeconfig) as api:
            with pytest.raises(Unauthorized):
                await api.get(PODS)
            token.write_text("new\n")

            assert await api.get(PODS)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot read the token file"), ("\n", "is empty")],
)
async def test_a_token_file_that_is_none_is_named(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    kubeconfig = write_kubeconfig(
        tmp_path, "https://127.0.0.1:1", user={"tokenFile": "token"}
    )
    async with connected(kubeconfig) as api:
        with pytest.raises(ConfigError, match=said):
            await api.get(PODS)


def counting_plugin(folder: Path, expires_in_s: float | None = None) -> dict[str, Any]:
    """A plugin whose token says how often it was run."""
    script = f"""
import datetime, json, pathlib
count = pathlib.Path({str(folder / "count")!r})
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
status = {{"token": f"token-{{number}}"}}
if {expires_in_s!r} is not None:
    now = datetime.datetime.now(datetime.timezone.utc)
    expires = now + datetime.timedelta(seconds={expires_in_s!r} or 0)
    status["expirationTimestamp"] = expires.isoformat()
print(json.dumps({{"status": status}}))
"""
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", script],
        }
    }


async def test_a_plugin_is_run_once_for_as_long_as_its_token_lasts(
    tmp_path: Path,
) -> None:
    user = counting_plugin(tmp_path, 3600)
    async with serving(show_request) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            seen = [(await api.get(PODS))["authorization"] for _ in range(3)]

    assert seen == ["Bearer token-1"] * 3


async def test_a_plugin_is_run_again_when_its_token_ends(tmp_path: Path) -> None:
    user = counting_plugin(tmp_path, 1)  # that is within the margin
    async with serving(show_request) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            seen = [(await api.get(PODS))["authorization"] for _ in range(2)]

    assert seen == ["Bearer token-1", "Bearer token-2"]


async def test_a_401_has_the_plugin_run_again(tmp_path: Path) -> None:
    user = counting_plugin(tmp_path)
    async with serving(only("token-2")) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            assert await api.get(PODS)


async def test_many_requests_renew_the_credentials_once(tmp_path: Path) -> None:
    user = counting_plugin(tmp_path)
    async with serving(only("token-2")) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(api.get, PODS)

    assert (tmp_path / "count").read_text() == "2"


async def test_an_oidc_token_that_ended_is_left_to_kubectl(tmp_path: Path) -> None:
    user = {
        "auth-provider": {
            "name": "oidc",
            "config": {"id-token": "e30.eyJleHAiOjF9.x", "refresh-token": "secret"},
        }
    }
    async with serving(show_request) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            with pytest.raises(TransportError, match="OIDC token .* has expired") as no:
                await api.get(PODS)

    assert "kubectl --context" in no.value.hint
    assert "secret" not in f"{no.value}{no.value.hint}"


async def test_an_oidc_token_is_used_while_it_lasts(tmp_path: Path) -> None:
    token = "e30.eyJleHAiOjk5OTk5OTk5OTl9.x"
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    async with serving(show_request) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            assert (await api.get(PODS))["authorization"] == f"Bearer {token}"


async def test_a_context_that_comes_to_point_elsewhere_halts(tmp_path: Path) -> None:
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"token": "old"})
        async with connected(kubeconfig) as api:
            write_kubeconfig(tmp_path, "https://127.0.0.1:1", user={"token": "new"})

            with pytest.raises(Halted, match="now points to https://127.0.0.1:1"):
                await api.get(PODS)


async def test_what_becomes_current_later_is_of_no_matter(tmp_path: Path) -> None:
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"token": "new"})
        content = yaml.safe_load(kubeconfig.read_text())
        async with connected(kubeconfig) as api:
            kubeconfig.write_text(
                yaml.safe_dump(content | {"current-context": "production"})
            )

            assert await api.get(PODS)


# --- certificates -------------------------------------------------------------------


async def show_client(request: web.BaseRequest) -> web.Response:
    assert request.transport is not None
    certificate = request.transport.get_extra_info("peercert")
    if not certificate:
        return status(401, "Unauthorized")
    return answer({"has": "a certificate"})


def client_user(ca: trustme.CA, **when: datetime.datetime | None) -> dict[str, str]:
    issued = ca.issue_cert("me@example.com", **when)  # type: ignore[arg-type]  # one key
    return {
        "client-certificate-data": b64(issued.cert_chain_pems[0].bytes()),
        "client-key-data": b64(issued.private_key_pem.bytes()),
    }


def b64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


async def test_a_client_certificate_is_shown_and_its_key_left_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    ca = trustme.CA()
    async with serving(show_client, server_tls(client_ca=ca)) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user=client_user(ca))
        async with connected(kubeconfig) as api:
            assert await api.get(PODS) == {"has": "a certificate"}

    assert list(temporary.iterdir()) == []


async def test_an_expired_client_certificate_is_named_with_its_date(
    tmp_path: Path,
) -> None:
    ca = trustme.CA()
    past = datetime.datetime(2020, 2, 3, tzinfo=datetime.UTC)
    user = client_user(ca, not_before=past - datetime.timedelta(1), not_after=past)

    async def refuse(_request: web.BaseRequest) -> web.Response:
        return status(401, "Unauthorized")

    async with serving(refuse) as url:
        async with connected(write_kubeconfig(tmp_path, url, user=user)) as api:
            with pytest.raises(Unauthorized, match="certificate expired on 2020-02-03"):
                await api.get(PODS)


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate": "gone.pem", "client-key": "gone.pem"},
        {"client-certificate-data": "bm9uc2Vuc2U=", "client-key-data": "bm9uc2Vuc2U="},
        {"client-certificate-data": "!", "client-key-data": "!"},
    ],
)
async def test_a_client_certificate_that_is_none_is_a_fault_of_the_kubeconfig(
    tmp_path: Path, user: dict[str, str]
) -> None:
    kubeconfig = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    async with connected(kubeconfig) as api:
        with pytest.raises(ConfigError, match=r'credentials of user "me" .* cannot be'):
            await api.get(PODS)


async def failure(
    tmp_path: Path,
    tls: ssl.SSLContext,
    cluster: dict[str, Any] | None = None,
) -> SyncdError:
    async with serving(show_request, tls) as url:
        async with connected(write_kubeconfig(tmp_path, url, cluster=cluster)) as api:
            with pytest.raises(Unreachable) as unreachable:
                await api.get(PODS)
            assert url in str(unreachable.value)
            assert NAME in str(unreachable.value)
    return unreachable.value


async def test_an_expired_server_certificate_is_named_with_its_date(
    tmp_path: Path,
) -> None:
    past = datetime.datetime(2020, 2, 3, tzinfo=datetime.UTC)

    error = await failure(tmp_path, server_tls(not_after=past))

    assert "has expired: it was valid until 2020-02-03 00:00 UTC" in str(error)
    assert "clock" in error.hint


async def test_a_certificate_for_another_name_is_named(tmp_path: Path) -> None:
    error = await failure(tmp_path, server_tls("kubernetes.example"))

    assert "is for another name" in str(error)
    assert "tls-server-name" in error.hint


async def test_a_certificate_of_another_cluster_is_named(tmp_path: Path) -> None:
    other = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(other)

    error = await failure(tmp_path, other)

    assert "is not trusted" in str(error)
    assert "earlier cluster" in error.hint


@pytest.mark.parametrize(
    "cluster",
    [
        {"tls-server-name": "kubernetes.example"},
        {"insecure-skip-tls-verify": True},
    ],
)
async def test_the_kubeconfig_may_say_how_to_verify(
    tmp_path: Path, cluster: dict[str, Any]
) -> None:
    async with serving(show_request, server_tls("kubernetes.example")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, cluster=cluster)
        async with connected(kubeconfig) as api:
            assert await api.get(PODS)


# --- no answer ----------------------------------------------------------------------


async def unreachable(tmp_path: Path, server: str) -> SyncdError:
    kubeconfig = write_kubeconfig(tmp_path, server)
    async with connected(kubeconfig, Timing(request=0.2)) as api:
        with pytest.raises(Unreachable) as failed:
            await api.get(PODS)
    return failed.value


async def test_a_refused_connection_says_how_to_start_the_cluster(
    tmp_path: Path,
) -> None:
    error = await unreachable(tmp_path, f"https://127.0.0.1:{free_port()}")

    assert "connection refused" in str(error)
    assert error.hint == "is the cluster started? k3d cluster start test"


async def test_an_unknown_host_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_args: object, **_kwargs: object) -> object:
        import socket

        raise socket.gaierror(errno.ENOENT, "Name or service not known")

    loop_type = type(anyio.lowlevel.current_token().native_token)  # type: ignore[attr-defined]  # asyncio's
    monkeypatch.setattr(loop_type, "getaddrinfo", unknown)

    error = await unreachable(tmp_path, "https://nowhere:6443")

    assert 'host name "nowhere" is not known' in str(error)


async def raw_server(
    handle: Any, tmp_path: Path, timing: Timing = QUICK
) -> SyncdError:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        kubeconfig = write_kubeconfig(tmp_path, f"https://127.0.0.1:{port}")
        async with connected(kubeconfig, timing) as api:
            with pytest.raises(Unreachable) as failed:
                await api.get(PODS)
        tasks.cancel_scope.cancel()
    return failed.value


async def test_a_server_without_tls_is_named(tmp_path: Path) -> None:
    async def plain(stream: SocketStream) -> None:
        async with stream:
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert "does not speak TLS" in str(await raw_server(plain, tmp_path))


async def test_a_silent_server_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def silent(stream: SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    error = await raw_server(silent, tmp_path, Timing(request=0.1))

    assert "no answer in time" in str(error)


async def test_a_server_that_hangs_up_is_named(tmp_path: Path) -> None:
    async def hang_up(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return answer({})

    async with serving(hang_up) as url:
        async with connected(write_kubeconfig(tmp_path, url)) as api:
            with pytest.raises(Unreachable, match="connection was (closed|reset)"):
                await api.get(PODS)


async def test_what_is_not_json_is_refused(tmp_path: Path) -> None:
    async def portal(_request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"<html>sign in</html>")

    async with serving(portal) as url:
        async with connected(write_kubeconfig(tmp_path, url)) as api:
            with pytest.raises(TransportError, match="not a JSON object"):
                await api.get(PODS)


# --- proxies ------------------------------------------------------------------------


@asynccontextmanager
async def proxying(refuse: bool = False) -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy, and the CONNECT requests that it got."""
    asked: list[str] = []

    async def handle(stream: SocketStream) -> None:
        async with stream:
            head = await stream.receive()
            asked.append(head.split(b"\r\n")[0].decode())
            if refuse:
                await stream.send(b"HTTP/1.1 407 Who are you\r\n\r\n")
                return
            host, port = head.split()[1].decode().rsplit(":", 1)
            async with (
                await anyio.connect_tcp(host, int(port)) as upstream,
                anyio.create_task_group() as tasks,
            ):
                await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
                tasks.start_soon(pump, upstream, stream)
                await pump(stream, upstream)
                tasks.cancel_scope.cancel()

    async def pump(source: SocketStream, sink: SocketStream) -> None:
        try:
            async for chunk in source:
                await sink.send(chunk)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield f"http://user:secret@127.0.0.1:{port}", asked
        tasks.cancel_scope.cancel()


async def test_the_proxy_of_the_kubeconfig_is_used(tmp_path: Path) -> None:
    async with serving(show_request) as url, proxying() as (proxy, asked):
        kubeconfig = write_kubeconfig(tmp_path, url, cluster={"proxy-url": proxy})
        async with connected(kubeconfig) as api:
            assert await api.get(PODS)

    assert asked == [f"CONNECT {url.removeprefix('https://')} HTTP/1.1"]


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    tmp_path: Path,
) -> None:
    async with serving(show_request) as url, proxying() as (proxy, asked):
        environ = {"HTTPS_PROXY": proxy}
        async with connected(
            write_kubeconfig(tmp_path, url), environ=environ
        ) as api:
            assert await api.get(PODS)

    assert asked == []


async def test_a_proxy_that_refuses_is_named_without_its_password(
    tmp_path: Path,
) -> None:
    async with proxying(refuse=True) as (proxy, _):
        kubeconfig = write_kubeconfig(
            tmp_path, "https://10.1.2.3:6443", cluster={"proxy-url": proxy}
        )
        async with connected(kubeconfig) as api:
            with pytest.raises(Unreachable, match="it answered 407") as refused:
                await api.get(PODS)

    assert proxy.replace("user:secret@", "") in str(refused.value)
    assert "secret" not in str(refused.value)


# --- what is refused before anything is sent -----------------------------------------


async def test_a_foreign_context_is_refused_before_its_plugin_runs(
    tmp_path: Path,
) -> None:
    user = counting_plugin(tmp_path)
    kubeconfig = write_kubeconfig(tmp_path, "https://10.0.0.1", user=user, name="prod")

    with pytest.raises(Halted, match='context "prod"'):
        async with connected(kubeconfig):
            pass

    assert not (tmp_path / "count").exists()


async def test_an_allowed_context_is_not_refused(tmp_path: Path) -> None:
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, name="prod")
        async with connect(
            kubeconfig=kubeconfig, allow_contexts=["prod"], environ={}
        ) as api:
            assert await api.get(PODS)


async def test_importing_the_package_imports_no_http_client() -> None:
    script = (
        "import sys, syncd.cluster;"
        "sys.exit(bool({'aiohttp', 'kubernetes'} & sys.modules.keys()))"
    )

    await anyio.run_process([sys.executable, "-c", script])


async def test_a_token_file_is_read_anew_before_its_token_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.cluster.credentials.TOKEN_FILE_S", 0.0)
    token = tmp_path / "token"
    token.write_text("one")
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"tokenFile": "token"})
        async with connected(kubeconfig) as api:
            first = await api.get(PODS)
            token.write_text("two")
            second = await api.get(PODS)

    assert first["authorization"] == "Bearer one"
    assert second["authorization"] == "Bearer two"
