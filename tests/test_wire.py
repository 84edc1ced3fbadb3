import pytest
from hypothesis import given, strategies as st

from syncd.errors import ProtocolError
from syncd.wire import (
    MAX_DATA,
    MAX_MESSAGE,
    Data,
    Decoder,
    Frame,
    Message,
    as_path,
    as_text,
    encode,
    encode_data,
    joined,
)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
messages = st.dictionaries(st.text(), json_values).map(lambda m: {**m, "op": "x"})
pieces = st.builds(Data, st.binary(max_size=200), st.booleans())


def encoded(frame: Frame) -> bytes:
    if isinstance(frame, Data):
        return encode_data(frame.payload, compressed=frame.compressed)
    return encode(frame)


@given(st.lists(messages | pieces), st.lists(st.integers(1, 50)))
def test_frames_arrive_as_they_were_sent_however_they_are_chunked(
    frames: list[Frame], sizes: list[int]
) -> None:
    stream = b"".join(map(encoded, frames))
    decoder = Decoder()
    received: list[Frame] = []

    for size in [*sizes, len(stream)]:
        received += decoder.feed(stream[:size])
        stream = stream[size:]

    assert received == frames


@given(st.lists(st.binary(max_size=60)))
def test_no_bytes_raise_anything_but_a_protocol_error(chunks: list[bytes]) -> None:
    decoder = Decoder()

    for chunk in chunks:
        try:
            decoder.feed(chunk)
        except ProtocolError:
            continue


@given(st.sampled_from(b"JDZ"), st.binary(max_size=60))
def test_no_payload_raises_anything_but_a_protocol_error(
    kind: int, payload: bytes
) -> None:
    frame = bytes([kind]) + len(payload).to_bytes(4, "big") + payload

    try:
        frames = Decoder().feed(frame)
    except ProtocolError:
        frames = []

    assert len(frames) <= 1


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"X", id="unknown type"),
        pytest.param(b"HTTP/1.1 500", id="text"),
        pytest.param(b"J" + (MAX_MESSAGE + 1).to_bytes(4, "big"), id="long message"),
        pytest.param(b"D" + (MAX_DATA + 1).to_bytes(4, "big"), id="long data"),
        pytest.param(b"Z\xff\xff\xff\xff", id="longest"),
        pytest.param(b"J\0\0\0\0", id="empty message"),
        pytest.param(b"J\0\0\0\2[]", id="no object"),
        pytest.param(b"J\0\0\0\2{}", id="no op"),
        pytest.param(b'J\0\0\0\x08{"op":1}', id="op that is no text"),
        pytest.param(b"J\0\0\0\1{", id="cut JSON"),
        pytest.param(b"J\0\0\0\1\xff", id="no UTF-8"),
        pytest.param(b"J\0\1\x86\xa0" + b"[" * 100_000, id="too deep"),
    ],
)
def test_what_no_peer_should_send_is_refused_now_and_later(stream: bytes) -> None:
    decoder = Decoder()

    with pytest.raises(ProtocolError) as first:
        decoder.feed(stream)
    with pytest.raises(ProtocolError) as second:
        decoder.feed(encode({"op": "pong"}))

    assert first.value is second.value


def test_a_too_long_frame_is_refused_before_its_payload_came() -> None:
    with pytest.raises(ProtocolError):
        Decoder().feed(b"D\xff\xff\xff\xff")


def test_frames_of_the_largest_size_pass() -> None:
    text = "x" * (MAX_MESSAGE - 20)
    message = {"op": "a", "b": text}

    frames = Decoder().feed(encode(message) + encode_data(bytes(MAX_DATA)))

    assert frames == [message, Data(bytes(MAX_DATA))]


def test_larger_frames_are_refused_where_they_are_made() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        encode({"op": "a", "b": "x" * MAX_MESSAGE})
    with pytest.raises(ValueError, match="do not fit"):
        encode_data(bytes(MAX_DATA + 1))


@given(st.binary())
def test_any_file_name_survives_the_way_through_a_message(path: bytes) -> None:
    frames = Decoder().feed(encode({"op": "a", "path": as_text(path)}))

    message = frames[0]

    assert isinstance(message, dict)
    assert as_path(message["path"]) == path


@pytest.mark.parametrize("value", [None, 7, ["a"], "\ud800", "a\udc00"])
def test_what_can_be_no_file_name_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError):
        as_path(value)


def test_the_parts_of_an_answer_add_up() -> None:
    parts: list[Message] = [
        {"op": "x", "id": 1, "end": False, "entries": [1, 2], "digests": {"a": "1"}},
        {"op": "x", "id": 1, "end": False, "entries": [3]},
        {"op": "x", "id": 1, "end": True, "digests": {"b": "2"}, "files": 7},
    ]

    assert joined(parts) == {
        "op": "x",
        "id": 1,
        "end": True,
        "entries": [1, 2, 3],
        "digests": {"a": "1", "b": "2"},
        "files": 7,
    }
