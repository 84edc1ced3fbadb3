import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.delta import Delta, Flavour, Pack, digest_of, header, plan
from syncd.errors import ProtocolError
from syncd.tree import Change, Entry, Kind, diff
from syncd.wire import MAX_MESSAGE, Data, Decoder, as_text
from tests.agent.trees import Edit, edited, edits, grown
from tests.agent_driver import tree_at


BIG = 700_000


def entry(content: bytes, mode: int = 0o644) -> Entry:
    digest = hashlib.sha256(content).digest()
    return Entry(Kind.FILE, mode, len(content), digest)


def change(path: bytes, content: bytes) -> Change:
    return Change(path, entry(content))


def members(stream: bytes) -> dict[str, bytes]:
    """Return what Python's own reader finds in a tar stream."""
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        files = [member for member in archive if member.isreg()]
        read = {m.name: archive.extractfile(m) for m in files}
        return {name: file.read() for name, file in read.items() if file}


def mkfifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.fixture
def local(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    return tmp_path / "local"


# --- the tar stream ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("flavour", "tar"),
    [
        pytest.param(Flavour.PAX, ["tar", "--warning=no-unknown-keyword"], id="gnu"),
        pytest.param(Flavour.GNU, ["tar"], id="gnu names, gnu"),
        pytest.param(Flavour.GNU, ["busybox", "tar"], id="gnu names, busybox"),
    ],
)
@given(edits)
def test_a_real_tar_unpacks_a_delta_to_the_same_files(
    flavour: Flavour, tar: list[str], edits: list[Edit]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        local = grown(Path(folder, "local"), edited({}, edits))
        there = Path(folder, "there")
        there.mkdir()
        tree = tree_at(local)
        sent = {p: e for p, e in tree.items() if e.kind is not Kind.DIR}

        stream = b"".join(Pack(local, diff({}, tree), flavour))
        command = [*tar, "-x", "-p", "-f", "-", "-C", str(there)]
        subprocess.run(command, input=stream or bytes(1024), check=True)

        arrived = tree_at(there)
        assert {p: e for p, e in arrived.items() if e.kind is not Kind.DIR} == sent


@given(edits, st.randoms())
def test_the_same_changes_give_the_same_bytes(edits: list[Edit], chance: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        local = grown(Path(folder, "local"), edited({}, edits))
        changes = list(diff({}, tree_at(local)))
        first = Pack(local, changes)
        once = b"".join(first)

        chance.shuffle(changes)
        second = Pack(local, changes)
        again = b"".join(second)

    assert once == again
    assert first.digest == second.digest


def test_pieces_are_never_larger_than_a_frame(local: Path) -> None:
    content = os.urandom(BIG)
    (local / "big").write_bytes(content)
    (local / "small").write_bytes(b"x")

    pack = Pack(local, [change(b"big", content), change(b"small", b"x")])

    assert max(map(len, pack)) <= 256 * 1024
    assert pack.size == BIG + 1


def test_a_file_of_eight_gibibytes_has_a_header_that_readers_know() -> None:
    large = Entry(Kind.FILE, 0o644, 8**11, bytes(32))

    for flavour in Flavour:
        head = header(b"large", large, flavour)
        archive = tarfile.open(fileobj=io.BytesIO(head + bytes(1024)))  # noqa: SIM115

        assert archive.next().size == 8**11  # type: ignore[union-attr]  # first member


def test_each_file_carries_the_digest_that_it_must_have(local: Path) -> None:
    (local / "a").write_bytes(b"content")

    stream = b"".join(Pack(local, [change(b"a", b"content")]))

    archive = tarfile.open(fileobj=io.BytesIO(stream))  # noqa: SIM115 - in memory
    wanted = hashlib.sha256(b"content").hexdigest()
    assert archive.getmember("a").pax_headers["SYNCD.sha256"] == wanted


def test_names_up_to_four_kibibytes_are_read(local: Path) -> None:
    names = ["d" * 200] * 20
    folder = os.open(local, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=folder)
        deeper = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    file = os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    os.write(file, b"deep")
    os.close(file)
    os.close(folder)
    path = "/".join([*names, "f"]).encode()

    pack = Pack(local, [change(path, b"deep")])
    stream = b"".join(pack)

    assert not pack.void
    assert members(stream) == {path.decode(): b"deep"}


# --- files that are not what the snapshot says -------------------------------------


@pytest.mark.parametrize("size", [100, BIG])
@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda p, size: p.unlink(), id="gone"),
        pytest.param(lambda p, size: p.write_bytes(b"x" * (size // 2)), id="shorter"),
        pytest.param(lambda p, size: p.write_bytes(bytes(size + 1)), id="longer"),
        pytest.param(lambda p, size: p.write_bytes(b"y" * size), id="other"),
        pytest.param(lambda p, size: (p.unlink(), p.mkdir()), id="folder"),
        pytest.param(lambda p, size: (p.unlink(), mkfifo(p)), id="pipe"),
        pytest.param(
            lambda p, size: (p.rename(p.with_name("z")), p.symlink_to("z")), id="link"
        ),
    ],
)
def test_a_file_that_changed_since_the_scan_is_void(
    local: Path, alter: Callable[[Path, int], Any], size: int
) -> None:
    (local / "a").write_bytes(b"a")
    (local / "b").write_bytes(b"x" * size)
    (local / "c").write_bytes(b"c")
    alter(local / "b", size)

    pack = Pack(
        local, [change(b"a", b"a"), change(b"b", b"x" * size), change(b"c", b"c")]
    )
    stream = b"".join(pack)

    assert list(pack.void) == [b"b"]
    assert list(pack.sealed) == [b"a", b"c"]
    assert {"a": b"a", "c": b"c"}.items() <= members(stream).items()


@pytest.mark.parametrize("end", [BIG // 2, BIG * 2], ids=["shrinks", "grows"])
def test_a_large_file_that_changes_while_it_is_read_keeps_its_promised_size(
    local: Path, end: int
) -> None:
    content = os.urandom(BIG)
    (local / "a").write_bytes(content)
    (local / "b").write_bytes(b"after")

    pack = Pack(local, [change(b"a", content), change(b"b", b"after")])
    pieces = iter(pack)
    stream = next(pieces)
    os.truncate(local / "a", end)
    stream += b"".join(pieces)

    assert list(pack.void) == [b"a"]
    found = members(stream)
    assert len(found["a"]) == BIG
    assert found["b"] == b"after"


def test_a_local_folder_that_vanished_makes_everything_void(tmp_path: Path) -> None:
    pack = Pack(tmp_path / "gone", [change(b"a", b"x"), change(b"b", b"y")])

    assert list(pack) == []
    assert list(pack.void) == [b"a", b"b"]


def test_a_file_of_any_size_passes_in_bounded_memory(local: Path) -> None:
    size = 300 << 20
    with (local / "huge").open("wb") as file:
        file.truncate(size)
    program = f"""
import resource
from syncd.delta import Pack
from syncd.tree import Change, Entry, Kind
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pack = Pack({str(local)!r}.encode(), [Change(b"huge", Entry(Kind.FILE, 420, {size}))])
total = sum(map(len, pack))
print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    total, grown_kib = map(int, ran.stdout.split())
    assert total >= size
    assert grown_kib < 10_000


# --- a batch -----------------------------------------------------------------------


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


def test_what_was_torn_is_named_at_the_end(local: Path) -> None:
    (local / "a").write_bytes(b"other")

    *_, last = frames(Delta(local, [change(b"a", b"x"), change(b"\xff", b"y")]))

    assert last["void"] == ["a", "\udcff"]
    assert last["bytes"] == 0


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
    held = {b"a": entry(b"x", 0o644), b"b": entry(b"x"), b"c": entry(b"x")}
    changes = [
        Change(b"a", entry(b"x", 0o755)),
        Change(b"b", entry(b"y", 0o755)),
        Change(b"c", entry(b"x")),
        Change(b"d", entry(b"x", 0o755)),
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
