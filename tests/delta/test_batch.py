"""A batch as frames, and its acknowledgement."""

import hashlib
import itertools
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from syncd.delta import Delta, Pack, digest_of, plan
from syncd.errors import ProtocolError
from syncd.tree import Change, Entry, Kind
from syncd.wire import MAX_MESSAGE, Data, Decoder, as_text
from tests.agent_driver import change, file_entry


BIG = 700_000


def frames(delta: Delta) -> list[Any]:
    return Decoder().feed(b"".join(delta.frames(7, 0)))


def test_a_batch_is_an_apply_the_data_and_an_end(local: Path) -> None:
    (local / "a").write_bytes(b"x")
    folder = Change(b"d", Entry(Kind.DIR, 0o755))

    delta = Delta(local, [Change(b"old", None), folder, change(b"a", b"x")])
    first, data, last = frames(delta)

    assert first == {
        "op": "apply",
        "id": 7,
        "root": 0,
        "replica": False,
        "deletes": [{"path": "old", "recursive": False}],
        "dirs": [["d", 0o755]],
        "modes": [],
    }
    assert isinstance(data, Data)
    digest = digest_of({b"a": hashlib.sha256(b"x").digest()})
    assert last == {"op": "end", "id": 7, "void": [], "bytes": 1, "digest": digest}


def test_a_batch_without_files_has_no_data(local: Path) -> None:
    assert [f["op"] for f in frames(Delta(local, [Change(b"a", None)]))] == [
        "apply",
        "end",
    ]


def test_what_was_torn_when_it_was_sent_already_is_named_at_the_end(
    local: Path,
) -> None:
    large = b"x" * 300_000
    (local / "a").write_bytes(b"other")
    (local / os.fsdecode(b"\xff")).write_bytes(large.upper())

    *_, last = frames(Delta(local, [change(b"a", b"x"), change(b"\xff", large)]))

    assert last["void"] == ["\udcff"]


def test_however_much_cannot_be_read_the_end_fits_in_a_message(tmp_path: Path) -> None:
    names = [b"%03d" % number + b"\xff" * 4000 for number in range(900)]

    *_, last = frames(Delta(tmp_path / "gone", [change(name, b"x") for name in names]))

    assert last["void"] == []


def test_a_compressed_batch_is_one_deflate_stream(local: Path) -> None:
    content = os.urandom(BIG)
    (local / "a").write_bytes(content)
    (local / "z").write_bytes(bytes(BIG))
    changes = [change(b"a", content), change(b"z", bytes(BIG))]

    plain = b"".join(Pack(local, changes))
    delta = Delta(local, changes, compress=True)
    _, *data, _ = frames(delta)

    assert all(piece.compressed for piece in data)
    inflated = zlib.decompress(b"".join(p.payload for p in data))
    assert inflated == plain
    assert delta.wire_bytes < len(plain)


def test_what_is_read_slowly_goes_out_deflated_before_there_is_more(
    local: Path,
) -> None:
    changes = [change(b"%d" % number, b"x") for number in range(9)]
    for number in range(9):
        (local / str(number)).write_bytes(b"x")
    times = itertools.count()

    delta = Delta(local, changes, compress=True, clock=lambda: next(times))
    _, first, *data, _ = frames(delta)

    inflate = zlib.decompressobj()
    start = inflate.decompress(first.payload)
    rest = inflate.decompress(b"".join(p.payload for p in data))
    assert start
    assert start + rest == b"".join(Pack(local, changes))


def test_long_lists_are_spread_over_messages(local: Path) -> None:
    paths = [b"%05d" % i + b"\xff" * 4000 for i in range(1000)]

    *applies, end = frames(Delta(local, [Change(path, None) for path in paths]))

    assert len(applies) > 1
    assert [m.get("more", False) for m in applies] == [True] * (len(applies) - 1) + [
        False
    ]
    listed = [item["path"] for m in applies for item in m["deletes"]]
    assert listed == [as_text(path) for path in paths]
    assert end["op"] == "end"
    assert all(len(str(m)) < MAX_MESSAGE for m in applies)


def test_a_file_whose_mode_alone_differs_is_not_sent_again() -> None:
    held = {
        b"a": file_entry(b"x", 0o644),
        b"b": file_entry(b"x"),
        b"c": file_entry(b"x"),
    }
    changes = [
        Change(b"a", file_entry(b"x", 0o755)),
        Change(b"b", file_entry(b"y", 0o755)),
        Change(b"c", file_entry(b"x")),
        Change(b"d", file_entry(b"x", 0o755)),
    ]

    made = plan(changes, held)

    assert made.modes == ((b"a", 0o755),)
    assert [change.path for change in made.sends] == [b"b", b"c", b"d"]


def test_a_replica_asks_for_foreign_files_to_go_too(local: Path) -> None:
    first, _ = frames(Delta(local, [Change(b"a", None)], replica=True))

    assert first["replica"] is True
    assert first["deletes"] == [{"path": "a", "recursive": True}]


# --- the acknowledgement -----------------------------------------------------------


@pytest.fixture
def sent(local: Path) -> Delta:
    (local / "a").write_bytes(b"x")
    (local / "b").write_bytes(b"y")
    delta = Delta(local, [change(b"a", b"x"), change(b"b", b"y")])
    list(delta.frames(1, 0))
    return delta


def acknowledged(**sealed: bytes) -> dict[str, Any]:
    digests = {k.encode(): hashlib.sha256(v).digest() for k, v in sealed.items()}
    return {"id": 1, "files": len(sealed), "digest": digest_of(digests)}


def test_an_acknowledgement_of_all_that_was_sent_is_taken(sent: Delta) -> None:
    sent.confirm(acknowledged(a=b"x", b=b"y"))


def test_paths_that_the_agent_could_not_do_are_left_out(sent: Delta) -> None:
    failed = {"path": "b", "code": "disk-full", "error": "No space left"}

    sent.confirm(acknowledged(a=b"x") | {"errors": [failed]})


@pytest.mark.parametrize(
    "applied",
    [
        pytest.param(acknowledged(a=b"x"), id="a file is missing"),
        pytest.param(acknowledged(a=b"x", b=b"z"), id="other content"),
        pytest.param(acknowledged(a=b"x", b=b"y") | {"files": 3}, id="other count"),
        pytest.param({"id": 1}, id="nothing"),
        pytest.param({"id": 1, "errors": [{"path": None}]}, id="no path"),
    ],
)
def test_any_other_acknowledgement_is_refused(
    sent: Delta, applied: dict[str, Any]
) -> None:
    with pytest.raises(ProtocolError):
        sent.confirm(applied)
