import base64
import datetime as dt
import errno
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from aiohttp import web
from anyio.abc import SocketStream
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from syncd.cluster import Timing, Unauthorized, Unreachable
from syncd.cluster.diagnosis import (
    out_of_time,
    unreachable as unreachable_error,
    validity,
)
from syncd.cluster.kubeconfig import Context
from syncd.errors import ConfigError, SyncdError, TransportError
from tests.cluster_unit.connecting import (
    PODS,
    QUICK,
    connected,
    show_request,
)
from tests.cluster_unit.server import (
    NAME,
    answer,
    free_port,
    server_tls,
    serving,
    status,
    write_kubeconfig,
)


async def show_client(request: web.BaseRequest) -> web.Response:
    assert request.transport is not None
    certificate = request.transport.get_extra_info("peercert")
    if not certificate:
        return status(401, "Unauthorized")
    return answer({"has": "a certificate"})


def client_user(ca: trustme.CA, **when: dt.datetime | None) -> dict[str, str]:
    issued = ca.issue_cert("me@example.com", **when)  # type: ignore[arg-type]  # one key
    return {
        "client-certificate-data": b64(issued.cert_chain_pems[0].bytes()),
        "client-key-data": b64(issued.private_key_pem.bytes()),
    }


def b64(data: bytes) -> str:
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
    past = dt.datetime(2020, 2, 3, tzinfo=dt.UTC)
    user = client_user(ca, not_before=past - dt.timedelta(1), not_after=past)

    async def refuse(_request: web.BaseRequest) -> web.Response:
        return status(401, "Unauthorized")

    async with (
        serving(refuse) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        with pytest.raises(Unauthorized, match=r"certificate expired on 2020-02-03"):
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
    async with (
        serving(show_request, tls) as url,
        connected(write_kubeconfig(tmp_path, url, cluster=cluster)) as api,
    ):
        with pytest.raises(Unreachable) as unreachable:
            await api.get(PODS)
        assert url in str(unreachable.value)
        assert NAME in str(unreachable.value)
    return unreachable.value


async def test_an_expired_server_certificate_is_named_with_its_date(
    tmp_path: Path,
) -> None:
    past = dt.datetime(2020, 2, 3, tzinfo=dt.UTC)

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
        raise socket.gaierror(errno.ENOENT, "Name or service not known")

    loop_type = type(anyio.lowlevel.current_token().native_token)
    monkeypatch.setattr(loop_type, "getaddrinfo", unknown)

    error = await unreachable(tmp_path, "https://nowhere:6443")

    assert 'host name "nowhere" is not known' in str(error)


async def raw_server(handle: Any, tmp_path: Path, timing: Timing = QUICK) -> SyncdError:
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

    async with (
        serving(hang_up) as url,
        connected(write_kubeconfig(tmp_path, url)) as api,
    ):
        with pytest.raises(Unreachable, match=r"connection was (closed|reset)"):
            await api.get(PODS)


async def test_what_is_not_json_is_refused(tmp_path: Path) -> None:
    async def portal(_request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"<html>sign in</html>")

    async with (
        serving(portal) as url,
        connected(write_kubeconfig(tmp_path, url)) as api,
    ):
        with pytest.raises(TransportError, match="not a JSON object"):
            await api.get(PODS)


async def test_an_answer_that_is_cut_is_named(tmp_path: Path) -> None:
    async def cut(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with (
        serving(cut) as url,
        connected(write_kubeconfig(tmp_path, url)) as api,
    ):
        with pytest.raises(Unreachable, match=r"connection was (closed|reset)"):
            await api.get(PODS)


async def test_a_user_without_credentials_is_told_so(tmp_path: Path) -> None:
    async def refuse(_request: web.BaseRequest) -> web.Response:
        return status(401, "Unauthorized")

    async with (
        serving(refuse) as url,
        connected(write_kubeconfig(tmp_path, url, user={})) as api,
    ):
        with pytest.raises(Unauthorized, match="there are none") as refused:
            await api.get(PODS)

    assert refused.value.hint == "name a user in the kubeconfig's context"


async def test_a_key_with_a_password_is_refused_and_nobody_asked(
    tmp_path: Path,
) -> None:
    issued = trustme.CA().issue_cert("me@example.com")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    user = {
        "client-certificate-data": b64(issued.cert_chain_pems[0].bytes()),
        "client-key-data": b64(locked),
    }
    kubeconfig = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    async with connected(kubeconfig) as api:
        with pytest.raises(ConfigError, match=r"cannot be used"):
            await api.get(PODS)


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


FOREIGN = Context("c", "c", "u", "n", {"server": "https://h:1"}, {}, "kubeconfig")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EHOSTUNREACH, "x"), "no route to host"),
        (OSError(errno.EIO, "odd"), "odd"),
        (ConnectionResetError(), "the connection was reset"),
        (ValueError(), "ValueError"),
        (tls_error("SSLV3_ALERT_BAD_CERTIFICATE"), "refuses our client certificate"),
        (tls_error("TLSV1_ALERT_UNKNOWN_CA"), "(tlsv1 alert unknown ca)"),
        (tls_error("NO_SHARED_CIPHER"), "TLS handshake failed (no shared cipher)"),
        (ssl.SSLError(1, "odd"), "TLS handshake failed"),
    ],
)
async def test_each_failure_has_its_words(error: Exception, said: str) -> None:
    found = await unreachable_error(FOREIGN, error)

    assert said in str(found)
    assert "https://h:1 (context c)" in str(found)
    assert found.hint.endswith("kubectl --context c cluster-info")


NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(1)


@pytest.mark.parametrize(
    ("span", "expired", "said"),
    [
        (None, True, "has expired"),
        (None, False, "is not valid yet"),
        ((NOW - 2 * DAY, NOW - DAY), True, "has expired: it was valid until"),
        ((NOW + DAY, NOW + 2 * DAY), False, "is not valid before"),
        ((NOW - DAY, NOW + DAY), True, "rests on a certificate authority"),
    ],
)
def test_when_a_certificate_is_valid_is_said(
    span: tuple[dt.datetime, dt.datetime] | None, expired: bool, said: str
) -> None:
    assert out_of_time(span, expired=expired).startswith(said)


def test_what_is_no_certificate_has_no_span() -> None:
    assert validity(b"nonsense") is None
