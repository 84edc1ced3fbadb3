"""Frames, ends and silence, with the real agent at the other end."""

import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from syncd.agent import boot
from syncd.agent.link import Wire
from syncd.delta import Delta
from syncd.wire import MAX_DATA, Decoder, Message, encode, encode_data
from tests.agent_driver import (
    AgentProcess,
    changes_between,
    served,
    tree_at,
    written,
)


def apply(**lists: object) -> Message:
    return {
        "op": "apply",
        "id": 1,
        "root": 0,
        "deletes": [],
        "dirs": [],
        "modes": [],
    } | (lists)


END: Message = {"op": "end", "id": 1, "void": [], "bytes": 0}


def test_a_ping_is_answered_with_the_time_of_the_container(agent: AgentProcess) -> None:
    pong = agent.ask({"op": "ping", "id": 42})

    assert pong["op"] == "pong"
    assert pong["id"] == 42
    assert abs(pong["time_ns"] - time.time_ns()) < 10**10


def test_bye_ends_it(agent: AgentProcess) -> None:
    agent.send({"op": "bye"})

    with pytest.raises(EOFError):
        agent.receive()
    assert agent.process.wait(10) == 0


def test_the_end_of_its_stdin_ends_it(agent: AgentProcess) -> None:
    assert agent.close() == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"X\0\0\0\0", id="unknown type"),
        pytest.param(b"GET / HTTP/1.1", id="text"),
        pytest.param(b"J\0\0\0\1{", id="no JSON"),
        pytest.param(b"J\0\0\0\2[]", id="no object"),
        pytest.param(b"J\xff\xff\xff\xff", id="too long"),
        pytest.param(encode({"op": "dance"}), id="unknown op"),
        pytest.param(encode({"op": "list"}), id="fields missing"),
        pytest.param(encode_data(b"x"), id="data outside of a batch"),
        pytest.param(encode(apply(modes=[["a", 0o4755]])), id="setuid"),
        pytest.param(encode(apply(deletes=[{"path": 7}])), id="no path"),
        pytest.param(encode(apply() | {"root": 3}), id="unknown root"),
        pytest.param(encode(apply()) + encode({"op": "bye"}), id="op in a batch"),
        pytest.param(encode(apply()) + encode_data(b"x" * 512), id="no tar"),
        pytest.param(
            encode(apply()) + encode_data(b"no zlib", compressed=True), id="no deflate"
        ),
        pytest.param(encode(apply()) + encode(END | {"id": 2}), id="another's end"),
        pytest.param(encode(apply()) + encode(END | {"digest": ""}), id="other digest"),
        pytest.param(
            encode(apply(more=True)) + encode({"op": "ping"}), id="apply cut short"
        ),
    ],
)
def test_what_breaks_the_protocol_is_fatal_and_said(
    agent: AgentProcess, data: bytes
) -> None:
    agent.send(data)

    assert agent.receive()["op"] == "fatal"
    with pytest.raises(EOFError, match="syncd agent: "):
        agent.receive()
    assert agent.process.wait(10) == 1


def test_a_ping_in_the_middle_of_a_batch_is_answered(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x" * 700_000)
    first, *rest = Delta(local, changes_between(remote, local)).frames(1, 0)

    agent.send(first + rest[0])
    pong = agent.ask({"op": "ping", "id": 3})
    agent.send(b"".join(rest[1:]))
    applied = agent.answer()

    assert pong["op"] == "pong"
    assert applied["files"] == 1
    assert tree_at(remote) == tree_at(local)


def test_batches_may_be_sent_ahead_of_their_answers(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    stream = b""
    for number in range(5):
        written(local, a=str(number))
        changes = changes_between(remote, local)
        stream += b"".join(Delta(local, changes).frames(number, 0))

    agent.send(stream)

    assert [agent.answer()["id"] for _ in range(5)] == [0, 1, 2, 3, 4]
    assert (remote / "a.py").read_text() == "4"


def test_lists_in_several_messages_are_one_batch(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    names = [f"{number:03}" + "n" * 200 for number in range(900)]
    for name in names:
        (remote / name).touch()

    applied = agent.level(local, remote)

    assert applied["deleted"] == 900
    assert list(remote.iterdir()) == []


def test_a_peer_that_goes_while_it_is_written_to_is_noticed(
    agent: AgentProcess, remote: Path
) -> None:
    for number in range(2000):
        (remote / f"{number:04}{'n' * 100}").touch()
    agent.send(encode({"op": "list", "id": 1, "root": 0, "dirs": [""]}) * 5)

    assert agent.receive()["op"] == "list"  # and then nobody reads any more
    assert agent.close() == 0


def test_a_peer_that_is_silent_for_too_long_is_given_up(remote: Path) -> None:
    with AgentProcess(remote, silence_s=0.1) as agent:
        with pytest.raises(EOFError):
            agent.receive()

        assert agent.process.wait(10) == 0


def test_while_it_works_long_it_says_that_it_is_busy() -> None:
    source, sink = os.pipe()
    wire = Wire(source, sink)

    wire.busy()
    wire.silent_since -= 1.1
    wire.busy()
    wire.busy()

    assert Decoder().feed(os.read(source, 1000)) == [{"op": "busy"}]
    os.close(source)
    os.close(sink)


def test_an_agent_with_nothing_to_do_says_nothing(agent: AgentProcess) -> None:
    time.sleep(1.1)  # more than the second after which work is said to go on

    listed = agent.ask({"op": "list", "id": 1, "root": 0, "dirs": [""] * 100})

    assert agent.said == ["hello", "list"]
    assert listed["end"] is True


def test_while_a_batch_arrives_slowly_it_says_that_it_is_busy(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x" * 700_000)
    first, second, *rest = Delta(local, changes_between(remote, local)).frames(1, 0)

    agent.send(first + second[:1000])
    time.sleep(1.1)
    agent.send(second[1000:])

    assert agent.receive() == {"op": "busy"}
    agent.send(b"".join(rest))
    assert agent.answer()["files"] == 1


def test_while_the_rest_of_a_batch_does_not_come_it_says_that_it_waits(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x" * 700_000)
    first, *rest = Delta(local, changes_between(remote, local)).frames(1, 0)

    agent.send(first)

    assert [agent.receive() for _ in range(2)] == [{"op": "busy"}] * 2
    agent.send(b"".join(rest))
    assert agent.answer()["files"] == 1


def test_hangups_and_interrupts_do_not_end_it(agent: AgentProcess) -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        agent.process.send_signal(number)

    assert agent.ask({"op": "ping", "id": 1})["op"] == "pong"


def test_one_socket_for_both_ways_will_do(local: Path, remote: Path) -> None:
    written(local, a="x" * 700_000)
    argv, payload = boot(sys.executable)
    ours, theirs = socket.socketpair()
    with (
        ours,
        subprocess.Popen(
            argv, stdin=theirs.fileno(), stdout=theirs.fileno()
        ) as process,
    ):
        theirs.close()
        ours.sendall(payload + encode({"op": "hello", "roots": [os.fsdecode(remote)]}))
        for frame in Delta(local, changes_between(remote, local)).frames(1, 0):
            ours.sendall(frame)
        ours.shutdown(socket.SHUT_WR)
        said = Decoder().feed(b"".join(iter(lambda: ours.recv(1 << 16), b"")))

        assert process.wait(10) == 0
    assert [frame["op"] for frame in said if isinstance(frame, dict)] == [
        "hello",
        "applied",
    ]


def test_zeros_that_inflate_a_thousandfold_pass_in_bounded_memory(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    with (local / "zeros").open("wb") as file:
        file.truncate(64 << 20)
    delta = Delta(local, changes_between(remote, local))
    apply, *data, end = delta.frames(1, 0)
    deflated = zlib.compress(b"".join(frame[5:] for frame in data))
    assert len(deflated) < MAX_DATA

    agent.send(apply + encode_data(deflated, compressed=True) + end)
    agent.answer()

    assert agent.rss_mb < 60
    assert (remote / "zeros").stat().st_size == 64 << 20


def test_a_stream_that_ends_in_a_batch_leaves_no_temporaries(
    local: Path, remote: Path
) -> None:
    written(local, a="x" * 700_000, b="y")
    written(remote, a="old")
    before = tree_at(remote)
    *frames, _end = Delta(local, changes_between(remote, local)).frames(1, 0)

    assert served(remote, frames) == []

    assert tree_at(remote) == before
