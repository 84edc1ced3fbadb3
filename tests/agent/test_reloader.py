"""The agent and the warm reloader of its container, played by the test."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from syncd.agent.reloader import LONGEST_ORDER, MOST_OWED
from syncd.delta import Delta
from syncd.wire import Message
from tests.agent_driver import DEADLINE_S, AgentProcess, changes_between, written


class Reloader:
    """The far end of the control socket."""

    def __init__(self, path: Path) -> None:
        self.stack = ExitStack()
        self.listener = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        self.listener.settimeout(DEADLINE_S)
        self.listener.bind(str(path))
        self.listener.listen()

    def accept(self) -> Self:
        self.sock, _ = self.listener.accept()
        self.stack.callback(self.sock.close)
        self.sock.settimeout(DEADLINE_S)
        self.file = self.stack.enter_context(self.sock.makefile("rw"))
        return self

    def hear(self) -> dict[str, Any]:
        order: dict[str, Any] = json.loads(self.file.readline())
        return order

    def say(self, **answer: Any) -> None:
        self.file.write(json.dumps(answer) + "\n")
        self.file.flush()

    def hang_up(self) -> None:
        self.file.close()
        self.sock.close()

    def close(self) -> None:
        self.stack.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "reloader.sock"


@pytest.fixture
def reloader(place: Path) -> Iterator[Reloader]:
    reloader = Reloader(place)
    yield reloader
    reloader.close()


@pytest.fixture
def agent(remote: Path, place: Path) -> Iterator[AgentProcess]:
    env = {**os.environ, "SYNCD_RELOADER_SOCKET": str(place)}
    with AgentProcess(remote, env=env) as agent:
        yield agent


def edited(agent: AgentProcess, local: Path, remote: Path, text: str) -> Message:
    written(local, main=text)
    return agent.level(local, remote)


def test_it_is_told_what_landed_and_its_answer_is_sent_on(
    reloader: Reloader, agent: AgentProcess, local: Path, remote: Path
) -> None:
    reloader.accept()
    assert reloader.hear() == {"op": "drive"}
    written(remote, gone="1")

    applied = edited(agent, local, remote, "1")
    order = reloader.hear()
    content = (remote / "main.py").read_text()
    reloader.say(op="serving", id=1, generation=2, steps={"fork_ms": 3.5})

    assert applied["reloader"] is True
    assert order == {
        "op": "batch",
        "id": 1,
        "changed": [f"{remote}/main.py"],
        "deleted": [f"{remote}/gone.py"],
    }
    assert content == "1"
    assert agent.receive() == {
        "op": "reloaded",
        "id": 1,
        "verdict": "serving",
        "generation": 2,
        "steps": {"fork_ms": 3.5},
    }


def test_a_reloader_that_does_not_answer_holds_no_batch_up(
    reloader: Reloader, agent: AgentProcess, local: Path, remote: Path
) -> None:
    reloader.accept()

    applied = [edited(agent, local, remote, str(number)) for number in range(5)]

    assert [answer["reloader"] for answer in applied] == [True] * 5
    assert agent.said == ["hello", *["applied"] * 5]


def test_a_reloader_that_owes_too_much_is_given_up(
    reloader: Reloader, agent: AgentProcess, local: Path, remote: Path
) -> None:
    reloader.accept()

    lost = set()
    for number in range(MOST_OWED + 1):
        written(local, main=str(number))
        agent.send(
            b"".join(Delta(local, changes_between(remote, local)).frames(number, 0))
        )
        while (message := agent.receive())["op"] == "reloaded":
            assert message["verdict"] == "lost"
            lost.add(message["id"])

    assert lost == set(range(MOST_OWED))


def test_what_a_reloader_that_ended_has_not_answered_is_lost(
    reloader: Reloader, agent: AgentProcess, local: Path, remote: Path
) -> None:
    reloader.accept()
    edited(agent, local, remote, "1")

    reloader.hang_up()

    assert agent.receive() == {"op": "reloaded", "id": 1, "verdict": "lost"}


def test_a_reloader_that_came_in_its_place_is_told_of_the_next_batch(
    reloader: Reloader, agent: AgentProcess, local: Path, remote: Path
) -> None:
    reloader.accept().hang_up()

    applied = edited(agent, local, remote, "1")
    reloader.accept()

    assert applied["reloader"] is True
    assert [reloader.hear()["op"] for _ in range(2)] == ["drive", "batch"]


def test_without_a_reloader_nobody_is_told(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    assert edited(agent, local, remote, "1")["reloader"] is False


def test_one_that_starts_later_is_told_before_the_batch_lands(
    agent: AgentProcess, local: Path, remote: Path, place: Path
) -> None:
    edited(agent, local, remote, "1")
    reloader = Reloader(place)

    applied = edited(agent, local, remote, "2")
    reloader.accept()

    assert applied["reloader"] is True
    assert [reloader.hear()["op"] for _ in range(2)] == ["drive", "batch"]
    reloader.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_socket_of_somebody_else_is_left_alone(
    reloader: Reloader, agent: AgentProcess, local: Path, remote: Path, place: Path
) -> None:
    reloader.accept().hang_up()
    os.chown(place, 65534, 65534)

    assert edited(agent, local, remote, "1")["reloader"] is False


def test_more_paths_than_a_socket_takes_are_not_named(
    reloader: Reloader, agent: AgentProcess, local: Path, remote: Path
) -> None:
    reloader.accept().hear()
    for number in range(LONGEST_ORDER // 200):
        (local / f"{number:03}{'n' * 200}").touch()

    agent.level(local, remote)

    assert reloader.hear() == {"op": "batch", "id": 1, "force": True}


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1)])
def test_a_command_that_ended_well_is_a_reason_to_reload(
    reloader: Reloader, agent: AgentProcess, command: str, code: int
) -> None:
    reloader.accept().hear()

    ran = agent.ask({"op": "run", "id": 1, "argv": [command], "timeout_s": 9})
    agent.ask({"op": "ping", "id": 2})
    agent.close()
    orders = [json.loads(line) for line in reloader.file]

    assert ran["code"] == code
    assert orders == [{"op": "batch", "id": None, "force": True}][code:]


@pytest.mark.parametrize("answer", ["nonsense", "[]", '{"op": "serving", "id": 9}'])
def test_what_nobody_asked_is_not_sent_on(
    reloader: Reloader, agent: AgentProcess, answer: str
) -> None:
    reloader.accept().hear()

    reloader.file.write(answer + "\n")
    reloader.file.flush()

    assert agent.ask({"op": "ping", "id": 1})["op"] == "pong"
