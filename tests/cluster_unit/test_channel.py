import json

import pytest
from hypothesis import given, strategies as st

from syncd.cluster.channel import (
    MAX_PAYLOAD,
    V4,
    V5,
    Channel,
    Exit,
    Failure,
    Output,
)
from syncd.errors import ProtocolError
from tests.cluster_unit.recordings import EXECS, exec_of


STREAMS = [record for record in EXECS if record["status"] == 101]


def replay(record: dict[str, object]) -> list[object]:
    channel = Channel(str(record["protocol"]))
    messages = record["messages"]
    assert isinstance(messages, list)
    events = [channel.receive(bytes.fromhex(message)) for message in messages]
    return [event for event in events if event is not None]


@pytest.mark.parametrize(
    "record", STREAMS, ids=[f"{r['server']}-{r['case']}" for r in STREAMS]
)
def test_every_recorded_stream_is_understood(record: dict[str, object]) -> None:
    events = replay(record)

    assert all(isinstance(event, Output) for event in events[:-1])
    assert sum(isinstance(event, Exit | Failure) for event in events) <= 1


@pytest.mark.parametrize("server", ["1.20.2", "1.36.2"])
@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("true (no output)", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -9 itself", 137),
        ("kill -TERM itself", 143),
        ("command not found (in sh, 127)", 127),
    ],
)
def test_the_exit_code_is_in_the_status(server: str, case: str, code: int) -> None:
    *_, last = replay(exec_of(server, f"{case} [v4]"))

    assert isinstance(last, Exit)
    assert last.code == code


def test_stdout_and_stderr_are_told_apart() -> None:
    events = replay(exec_of("1.36.2", "echo out/err exit 0 [v5]"))

    assert set(events) == {Output(1, b"out\n"), Output(2, b"err\n"), Exit(0)}


@pytest.mark.parametrize(
    ("server", "case"),
    [
        ("1.20.2", "command not found (argv) [v4]"),
        ("1.36.2", "command not found (argv) [v5]"),
        ("1.36.2", "command not executable [v5]"),
        ("1.36.2-apitranslate", "container crash-looping [v5]"),
    ],
)
def test_a_process_that_did_not_run_is_a_failure_and_no_exit(
    server: str, case: str
) -> None:
    *_, last = replay(exec_of(server, case))

    assert isinstance(last, Failure)
    assert last.reason == "InternalError"


@pytest.mark.parametrize("message", [b"", b"\x01", b"\x02", b"\x03", b"\xff"])
def test_a_message_without_payload_carries_nothing(message: bytes) -> None:
    channel = Channel(V5)

    assert channel.receive(message) is None
    assert channel.receive(b"\x01x") == Output(1, b"x")


def test_nothing_may_follow_the_exit_status() -> None:
    channel = Channel(V5)
    channel.receive(b'\x03{"status":"Success"}')

    with pytest.raises(ProtocolError, match="after the exit status"):
        channel.receive(b"\x01x")


@pytest.mark.parametrize(
    "payload",
    [
        b"no json",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(
            {"details": {"causes": [{"reason": "ExitCode", "message": "seven"}]}}
        ).encode(),
    ],
    ids=["text", "array", "bytes", "deep", "code"],
)
def test_a_status_that_is_none_breaks_the_protocol(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        Channel(V5).receive(b"\x03" + payload)


@pytest.mark.parametrize("details", [None, [], "x", {"causes": None}, {"causes": [1]}])
def test_details_of_another_shape_hold_no_exit_code(details: object) -> None:
    status = json.dumps({"status": "Failure", "message": "m", "details": details})

    assert Channel(V5).receive(b"\x03" + status.encode()) == Failure("m")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_protocol_error(message: bytes) -> None:
    try:
        Channel(V5).receive(message)
    except ProtocolError:
        return


@pytest.mark.parametrize("prefix", [b"\x00", b"\x04", b"\x05"])
def test_a_channel_that_servers_do_not_send_on_breaks_the_protocol(
    prefix: bytes,
) -> None:
    with pytest.raises(ProtocolError, match="on channel"):
        Channel(V5).receive(prefix + b"x")


def test_a_word_about_a_closed_channel_is_ignored() -> None:
    assert Channel(V5).receive(b"\xff\x01") is None


@given(st.integers(0, 3 * MAX_PAYLOAD))
def test_stdin_is_cut_into_messages_of_a_mebibyte(size: int) -> None:
    messages = list(Channel(V4).stdin(bytes(size)))

    assert sum(len(message) - 1 for message in messages) == size
    assert all(1 < len(message) <= 2**20 for message in messages)
    assert all(message[:1] == b"\x00" for message in messages)


def test_v5_can_close_stdin_and_then_no_more_is_sent() -> None:
    channel = Channel(V5)

    assert channel.close_stdin() == b"\xff\x00"
    with pytest.raises(AssertionError, match="stdin is closed"):
        list(channel.stdin(b"x"))


def test_v4_cannot_close_stdin() -> None:
    channel = Channel(V4)

    assert channel.close_stdin() is None
    assert list(channel.stdin(b"x")) == [b"\x00x"]


def test_a_resize_names_columns_and_rows() -> None:
    assert Channel(V5).resize(101, 33) == b'\x04{"Width": 101, "Height": 33}'
