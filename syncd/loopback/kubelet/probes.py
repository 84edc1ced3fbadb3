"""Probes: a container is asked whether it has started, is ready, is alive."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream


Exec = Callable[[list[str]], Awaitable[tuple[int, bytes]]]
"""Runs a command in the container; returns its exit code and output."""

_LINE = 1024


async def ask(
    probe: Mapping[str, Any], *, host: str, ports: Mapping[str, int], run: Exec
) -> str | None:
    """Ask once; return `None` for success, else what a kubelet says of the failure.

    Args:
        probe: As in the Pod's spec.
        host: The Pod's address.
        ports: The container's ports by name.
        run: For a probe that is a command.
    """
    limit = probe.get("timeoutSeconds", 1)
    try:
        with anyio.fail_after(limit):
            if action := probe.get("httpGet"):
                return await _http_get(action, action.get("host") or host, ports)
            if action := probe.get("tcpSocket"):
                return await _tcp_socket(action, action.get("host") or host, ports)
            if action := probe.get("exec"):
                code, output = await run(action["command"])
                return None if code == 0 else output.decode(errors="replace")
    except TimeoutError:
        return _timed_out(probe, host, ports, limit)
    return None


async def watch(
    probe: Mapping[str, Any],
    once: Callable[[], Awaitable[str | None]],
    report: Callable[[str | None], Awaitable[None]],
) -> None:
    """Ask at the probe's intervals and report each verdict; runs until cancelled.

    Args:
        probe: As in the Pod's spec.
        once: Asks, as `ask` does.
        report: Takes each verdict: `None` once there were enough successes in a row,
            the last answer once there were enough failures.
    """
    await anyio.sleep(probe.get("initialDelaySeconds", 0))
    row = 0  # successes in a row, or failures as a negative number
    while True:
        trouble = await once()
        row = max(row, 0) + 1 if trouble is None else min(row, 0) - 1
        if row >= probe.get("successThreshold", 1):
            await report(None)
        elif -row >= probe.get("failureThreshold", 3):
            await report(trouble)
        await anyio.sleep(probe.get("periodSeconds", 10))


def _port(action: Mapping[str, Any], ports: Mapping[str, int]) -> int:
    port = action["port"]
    return ports.get(port, 0) if isinstance(port, str) else int(port)


async def _tcp_socket(
    action: Mapping[str, Any], host: str, ports: Mapping[str, int]
) -> str | None:
    port = _port(action, ports)
    try:
        stream = await anyio.connect_tcp(host, port)
    except OSError:
        return f"dial tcp {host}:{port}: connect: connection refused"
    await stream.aclose()
    return None


async def _http_get(
    action: Mapping[str, Any], host: str, ports: Mapping[str, int]
) -> str | None:
    port = _port(action, ports)
    url = _url(action, host, port)
    try:
        code = await _request(action, host, port)
    except (anyio.EndOfStream, anyio.BrokenResourceError, ValueError):
        return f'Get "{url}": EOF'
    except OSError:
        return f'Get "{url}": dial tcp {host}:{port}: connect: connection refused'
    return None if 200 <= code < 400 else f"HTTP probe failed with statuscode: {code}"


async def _request(action: Mapping[str, Any], host: str, port: int) -> int:
    given = {entry["name"]: entry["value"] for entry in action.get("httpHeaders", ())}
    headers = {
        "Host": f"{host}:{port}",
        "User-Agent": "kube-probe/1.36",
        "Accept": "*/*",
        "Connection": "close",
        **given,
    }
    lines = [f"GET {action.get('path') or '/'} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    async with await anyio.connect_tcp(host, port) as raw:
        stream: ByteStream = raw
        if action.get("scheme") == "HTTPS":
            context = _trusting()
            stream = await TLSStream.wrap(
                raw, server_side=False, ssl_context=context, standard_compatible=False
            )
        await stream.send("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while b"\r\n" not in answer and len(answer) < _LINE:
            answer += await stream.receive()
    return int(answer.partition(b" ")[2][:3])


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # as a kubelet: it asks whether, not who
    return context


def _url(action: Mapping[str, Any], host: str, port: int) -> str:
    scheme = action.get("scheme", "HTTP").lower()
    return f"{scheme}://{host}:{port}{action.get('path') or '/'}"


def _timed_out(
    probe: Mapping[str, Any], host: str, ports: Mapping[str, int], limit: float
) -> str:
    if action := probe.get("httpGet"):
        url = _url(action, action.get("host") or host, _port(action, ports))
        late = (
            "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )
        return f'Get "{url}": {late}'
    return f"command timed out after {limit}s"
