"""The kubelet's pure parts: expansion, arguments, waits, quantities, logs, frames."""

import struct
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.loopback.dialect import REAL, Dialect
from syncd.loopback.kubelet import backoff, resources
from syncd.loopback.kubelet.environment import (
    Unfit,
    arguments,
    contents,
    environment,
    expand,
)
from syncd.loopback.kubelet.logs import Log
from syncd.loopback.streams import channels, statuses
from syncd.loopback.streams.channels import (
    V4,
    V4_TEXT,
    V5,
    Broken,
    CloseChannel,
    Data,
    Endpoint,
)
from syncd.loopback.streams.frames import (
    Frame,
    FrameReader,
    Opcode,
    TooLarge,
    Unmasked,
    accept_key,
    frame,
    masked,
)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        pytest.param("$(A)", "1", id="value"),
        pytest.param("x$(A)y$(A)", "x1y1", id="among others"),
        pytest.param("$(NOPE)", "$(NOPE)", id="unknown stays"),
        pytest.param("$$(A)", "$(A)", id="escaped"),
        pytest.param("$$$(A)", "$1", id="escaped dollar before a value"),
        pytest.param("$$", "$", id="escaped dollar"),
        pytest.param("$", "$", id="lone dollar"),
        pytest.param("$A", "$A", id="no parentheses"),
        pytest.param("$(A", "$(A", id="open"),
        pytest.param("$()", "$()", id="nameless"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


@given(st.text(alphabet="$()A ", max_size=30))
def test_expansion_takes_any_text(text: str) -> None:
    expand(text, {"A": "$(A)"})


@pytest.mark.parametrize(
    ("container", "words"),
    [
        pytest.param({}, ["e", "c"], id="the image's"),
        pytest.param({"args": ["a"]}, ["e", "a"], id="args for its command"),
        pytest.param({"command": ["x"]}, ["x"], id="command for all of it"),
        pytest.param({"command": ["x"], "args": ["$(V)"]}, ["x", "v"], id="both"),
    ],
)
def test_a_pods_words_go_before_the_images(
    container: dict[str, Any], words: list[str]
) -> None:
    found = arguments(container, entrypoint=["e"], command=["c"], values={"V": "v"})

    assert found == words


def test_a_key_that_is_not_there_is_named() -> None:
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {}}
    container = {"env": [{"name": "A", "valueFrom": source}]}

    with pytest.raises(Unfit, match="couldn't find key k in Secret n/s"):
        environment(
            pod, container, base={}, pod_ip="", lookup=lambda *_: {"kind": "Secret"}
        )


def test_all_kinds_of_contents() -> None:
    found = {"data": {"a": "text"}, "binaryData": {"b": "AAE="}}

    assert contents(found) == {"a": b"text", "b": b"\x00\x01"}
    assert contents(None) == {}


@pytest.mark.parametrize(
    ("dialect", "delays"),
    [(Dialect.V1_20, [10, 20, 40]), (Dialect.V1_36, [10, 20, 40])],
)
def test_waits_double_up_to_five_minutes(dialect: Dialect, delays: list[int]) -> None:
    waits = [backoff.wait(failures, REAL, dialect) for failures in range(1, 9)]

    assert waits[0] is None
    assert [w.delay_s for w in waits[1:4] if w] == delays
    assert waits[-1] is not None
    assert waits[-1].delay_s == 300


def test_how_a_wait_is_shown_differs() -> None:
    old = backoff.wait(3, REAL, Dialect.V1_20)
    new = backoff.wait(3, REAL, Dialect.V1_36)

    assert old is not None
    assert new is not None
    assert (old.silent_s, old.told_s) == (13, 16)
    assert (new.silent_s, new.told_s) == (22, 0.1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "400ms"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s")],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert backoff.go_duration(seconds) == text


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("64Mi", 64 << 20), ("1G", 10**9), ("0", 0), ("1.5Ki", 1536), ("500m", 0)],
)
def test_quantities(quantity: str, number: int) -> None:
    assert resources.as_bytes(quantity) == number


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1"}}, "Guaranteed"),
        (
            {"limits": {"cpu": "2", "memory": "1"}, "requests": {"cpu": "1"}},
            "Burstable",
        ),
    ],
)
def test_qos_classes(asked: dict[str, Any], name: str) -> None:
    pod = {"spec": {"containers": [{"name": "c", "resources": asked}]}}

    assert resources.qos_class(pod) == name


def test_a_log_keeps_lines_of_both_streams_apart() -> None:
    log = Log()
    log.feed(1, b"one ")
    log.feed(2, b"err\n")
    log.feed(1, b"line\nrest")
    log.end()

    assert [line.text for line in log.lines()] == [b"err\n", b"one line\n", b"rest"]
    assert [line.text for line in log.lines(2)] == [b"rest"]


def test_a_log_keeps_the_newest() -> None:
    log = Log(limit=2000)
    for number in range(100):
        log.feed(1, b"%d\n" % number)

    kept = [line.text for line in log.lines()]
    assert kept[-1] == b"99\n"
    assert 5 < len(kept) < 20
    assert log.lines(99)[0].text == b"99\n"


def test_a_very_long_line_comes_in_parts() -> None:
    log = Log()
    log.feed(1, b"x" * 40_000)
    log.end()

    assert [len(line.text) for line in log.lines()] == [16384, 16384, 7232]


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_a_mask_comes_off_as_it_went_on(payload: bytes, mask: bytes) -> None:
    assert masked(masked(payload, mask), mask) == payload


@given(st.binary(max_size=70_000), st.sampled_from(list(Opcode)))
def test_frames_are_read_as_they_were_sent(payload: bytes, opcode: Opcode) -> None:
    data = frame(opcode, payload)
    head = data[: len(data) - len(payload)]
    reader = FrameReader()

    reader.feed(head[:1] + bytes((head[1] | 0x80,)) + head[2:])
    assert reader.next() is None
    reader.feed(bytes(4) + payload)
    assert reader.next() == Frame(opcode, payload)
    assert reader.next() is None


def test_a_frame_without_a_mask_is_refused() -> None:
    reader = FrameReader()
    reader.feed(b"\x82\x01x")
    with pytest.raises(Unmasked):
        reader.next()


def test_a_frame_that_is_too_large_is_refused_by_its_head() -> None:
    reader = FrameReader()
    reader.feed(b"\x82\xff" + struct.pack(">Q", (32 << 20) + 1))
    with pytest.raises(TooLarge):
        reader.next()


def test_the_key_of_the_standard_is_answered_as_there() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("protocol", "message", "meaning"),
    [
        (V5, b"", None),
        (V5, b"\x00", Data(0, b"")),
        (V5, b"\xff\x00", CloseChannel(0)),
        (V5, b"\xff\x01", CloseChannel(1)),
        (V5, b"\xff\x09", Broken()),
        (V5, b"\xff", Broken()),
        (V5, b"\xff\x00\x00", Broken()),
        (V4, b"\xff\x00", Data(255, b"\x00")),
        (V4_TEXT, b"0aGk=", Data(0, b"hi")),
        (V4_TEXT, b"0***", None),
    ],
)
def test_messages(protocol: channels.Protocol, message: bytes, meaning: object) -> None:
    assert protocol.decode(message) == meaning


@given(st.binary(max_size=10), st.sampled_from([V5, V4, V4_TEXT, channels.NAMELESS]))
def test_any_message_has_a_meaning_or_none(
    message: bytes, protocol: channels.Protocol
) -> None:
    protocol.decode(message)


def test_a_tunnel_is_for_ports_alone() -> None:
    offer = [channels.TUNNEL.name]

    assert channels.choose(offer, Endpoint.COMMAND, Dialect.V1_36) is None
    assert (
        channels.choose(offer, Endpoint.PORT_FORWARD, Dialect.V1_36) is channels.TUNNEL
    )


def test_json_is_escaped_as_go_does() -> None:
    assert statuses.go_json({"a": "<&>\u2028é\udcff"}) == (
        b'{"a":"\\u003c\\u0026\\u003e\\u2028\xc3\xa9?"}'
    )
