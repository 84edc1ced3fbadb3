"""The container's readiness probe, asked from inside until it succeeds.

A process of its own asks, so that a program that hangs holds up no batch. Its words are
a kubelet's: a status from 200 to 399, a connection, a command that ends with 0. Unlike a
kubelet it follows no redirect.
"""

from __future__ import annotations

import os
import signal
import time

from syncd.agent.child import apart


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from syncd.agent.link import Wire

PAUSES_S = (0.02, 0.25)  # between two tries: the first, and the longest
WORDS = 2000  # of a reason, that are told


def ask_readiness(wire: Wire, message: Mapping[str, Any]) -> None:
    """Begin to ask; the answer goes out whenever it is known."""
    import socket  # noqa: F401, PLC0415 - here, so that every child has it

    probe, limit_s, agent = message["probe"], message["limit_s"], os.getpid()

    def ask() -> str:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(limit_s + probe["timeout_s"]) + 2)  # whatever it hangs in
        return _until_ready(probe, limit_s, agent)

    def tell(reason: str | None) -> None:
        said = "the probe does not end" if reason is None else reason
        wire.send(op="ready", id=message["id"], reason=said)

    try:
        apart(wire, ask, tell)
    except OSError as exc:
        tell(f"nobody could be made to ask: {exc.strerror}")


def _until_ready(probe: Mapping[str, Any], limit_s: float, parent: int) -> str:
    """Ask again and again; return "" once it succeeds, or why it did not in time.

    Where the parent is gone, nobody waits for the answer.
    """
    deadline = time.monotonic() + limit_s
    pause_s, longest_s = PAUSES_S
    while True:
        try:
            reason = ASK[probe["kind"]](probe)
        except OSError as exc:
            reason = exc.strerror or str(exc) or type(exc).__name__
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is no success
            reason = f"{type(exc).__name__}: {exc}"
        late = time.monotonic() + pause_s > deadline
        if not reason or late or os.getppid() != parent:
            return reason[:WORDS]
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, longest_s)


def http(probe: Mapping[str, Any]) -> str:
    """Return why the program does not answer with success, "" if it does."""
    host, port = probe["host"], probe["port"]
    sent = {
        "Host": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "User-Agent": "kube-probe/syncd",
        "Accept": "*/*",
        "Connection": "close",
    }
    given = {name.title(): value for name, value in probe["headers"]}
    lines = [f"GET {probe['path'] or '/'} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in {**sent, **given}.items()]
    deadline = time.monotonic() + probe["timeout_s"]
    answer = b""
    with _connected(probe) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
        while b"\n" not in answer and len(answer) < WORDS:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            data = sock.recv(WORDS)
            if not data:
                return "the connection was closed without an answer"
            answer += data
    code = answer.split(None, 2)[1]
    return "" if b"200" <= code < b"400" else f"HTTP {code.decode('ascii', 'replace')}"


def tcp(probe: Mapping[str, Any]) -> str:
    """Return "" once a connection is taken."""
    _connected(probe).close()
    return ""


def _connected(probe: Mapping[str, Any]) -> Any:  # noqa: ANN401 - two kinds of socket
    import socket  # noqa: PLC0415 - most sessions never ask

    place = probe["host"], probe["port"]
    sock = socket.create_connection(place, timeout=probe["timeout_s"])
    if probe["scheme"] != "HTTPS":
        return sock
    import ssl  # noqa: PLC0415 - few probes need it

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # as a kubelet: it asks whether, not who
    try:
        return context.wrap_socket(sock, server_hostname=probe["host"])
    except BaseException:
        sock.close()
        raise


def command(probe: Mapping[str, Any]) -> str:
    """Return why the command does not end with 0, "" if it does."""
    import subprocess  # noqa: PLC0415 - few probes need it

    process = subprocess.Popen(  # noqa: S603 - the container's own command
        probe["argv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(probe["timeout_s"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"the command did not end within {probe['timeout_s']:g} s"
    return f"the command ended with code {code}" if code else ""


ASK = {"http": http, "tcp": tcp, "exec": command}
