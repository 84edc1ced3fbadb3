"""The readiness probe, asked by the real agent."""

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from syncd.wire import Message
from tests.agent_driver import DEADLINE_S, AgentProcess, everything, written


class Program(http.server.BaseHTTPRequestHandler):
    """Answers with the codes that a test puts in, the last of them for ever."""

    codes: list[int]
    asked: list[Message]

    def do_GET(self) -> None:
        self.asked.append({"path": self.path, **dict(self.headers)})
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        self.send_response(code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def program(*codes: int, tls: bool = False) -> Iterator[tuple[int, list[Message]]]:
    asked: list[Message] = []
    handler = type("Handler", (Program,), {"codes": list(codes), "asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("somebody.else").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


def probe(kind: str, **how: Any) -> Message:
    return {
        "kind": kind,
        "host": "127.0.0.1",
        "port": 0,
        "scheme": "HTTP" if kind == "http" else "",
        "path": "/healthz",
        "headers": [],
        "argv": [],
        "timeout_s": 5.0,
    } | how


def ready(limit_s: float = 0.0, **probed: Any) -> Message:
    return {"op": "ready", "id": 3, "probe": probe(**probed), "limit_s": limit_s}


@pytest.mark.parametrize(
    ("code", "reason"),
    [(200, ""), (204, ""), (302, ""), (404, "HTTP 404"), (503, "HTTP 503")],
)
def test_a_status_is_success_or_not(
    agent: AgentProcess, code: int, reason: str
) -> None:
    with program(code) as (port, _):
        answer = agent.ask(ready(kind="http", port=port))

    assert answer == {"op": "ready", "id": 3, "reason": reason}


def test_it_asks_until_it_succeeds(agent: AgentProcess) -> None:
    with program(503, 503, 200) as (port, asked):
        answer = agent.ask(ready(DEADLINE_S, kind="http", port=port))

    assert answer["reason"] == ""
    assert len(asked) == 3


def test_it_asks_as_the_probe_says(agent: AgentProcess) -> None:
    headers = [["host", "app.test"], ["x-token", "1"]]
    with program(200) as (port, asked):
        agent.ask(ready(kind="http", port=port, path="/a?b=c", headers=headers))

    (said,) = asked
    assert said["path"] == "/a?b=c"
    assert (said["Host"], said["X-Token"]) == ("app.test", "1")
    assert said["User-Agent"].startswith("kube-probe/")


def test_over_tls_it_asks_whether_and_not_who(agent: AgentProcess) -> None:
    with program(200, tls=True) as (port, _):
        answer = agent.ask(ready(kind="http", port=port, scheme="HTTPS"))

    assert answer["reason"] == ""


def test_a_connection_is_success(agent: AgentProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = agent.ask(ready(kind="tcp", port=port))
    refused = agent.ask(ready(kind="tcp", port=port))

    assert taken["reason"] == ""
    assert refused["reason"] == "Connection refused"


def test_a_command_is_success_by_its_code(agent: AgentProcess) -> None:
    good = agent.ask(ready(kind="exec", argv=["true"]))
    bad = agent.ask(ready(kind="exec", argv=["sh", "-c", "exit 3"]))
    none = agent.ask(ready(kind="exec", argv=["no-such-command"]))

    assert good["reason"] == ""
    assert bad["reason"] == "the command ended with code 3"
    assert none["reason"] == "No such file or directory"


def test_a_command_that_hangs_is_ended(agent: AgentProcess, tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/pid; sleep 100"
    asked = ready(kind="exec", argv=["sh", "-c", script], timeout_s=0.5)

    answer = agent.ask(asked)

    assert answer["reason"] == "the command did not end within 0.5 s"
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_program_that_hangs_holds_up_no_batch(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, main="1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        agent.send(ready(kind="http", port=port, timeout_s=60.0))
        connection, _ = server.accept()
        with connection:  # it asks, and waits
            applied = agent.apply(local, everything(local))
    answer = agent.answer()  # its connection is closed now

    assert applied["files"] == 1
    assert answer["op"] == "ready"
    assert answer["reason"]


def test_whoever_asks_ends_with_the_agent(agent: AgentProcess) -> None:
    agent.send(ready(60.0, kind="tcp", port=1))
    agent.ask({"op": "ping", "id": 1})
    (child,) = (
        Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
        .read_text()
        .split()
    )

    agent.close()

    deadline = time.monotonic() + DEADLINE_S
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists()
