"""The tar stream."""

import errno
import hashlib
import io
import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.delta import Flavour, Pack, header
from syncd.tree import Change, Entry, Kind, diff
from tests.agent.trees import Edit, edited, edits, grown
from tests.agent_driver import change, tree_at


BIG = 700_000


def members(stream: bytes) -> dict[str, bytes]:
    """Return what Python's own reader finds in a tar stream."""
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        files = [member for member in archive if member.isreg()]
        read = {m.name: archive.extractfile(m) for m in files}
        return {name: file.read() for name, file in read.items() if file}


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def mkfifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


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
        subprocess.run(command, input=stream or bytes(1024), check=True, umask=0)

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


def test_what_is_known_is_sent_as_if_it_were_read_and_nothing_is_read(
    local: Path, tmp_path: Path
) -> None:
    (local / "a").write_bytes(b"one")
    (local / "b").write_bytes(b"two")
    link = Change(b"c", Entry(Kind.LINK, target=b"a"))
    changes = [change(b"a", b"one"), change(b"b", b"two"), link]
    known = {hashlib.sha256(data).digest(): data for data in (b"one", b"two")}
    read = Pack(local, changes)

    told = Pack(tmp_path / "gone", changes, content=lambda entry: known[entry.digest])

    assert told.at_hand
    assert not read.at_hand
    assert b"".join(told) == b"".join(read)
    assert (told.digest, told.size, told.void) == (read.digest, read.size, {})


def test_what_is_known_in_part_or_large_is_not_at_hand(local: Path) -> None:
    large = os.urandom(BIG)
    some = {hashlib.sha256(b"one").digest(): b"one"}
    (local / "b").write_bytes(b"two")

    part = Pack(
        local,
        [change(b"a", b"one"), change(b"b", b"two")],
        content=lambda entry: some.get(entry.digest),
    )
    whole = Pack(local, [change(b"large", large)], content=lambda _: large)

    assert not part.at_hand
    assert not whole.at_hand
    assert members(b"".join(part)) == {"a": b"one", "b": b"two"}
    assert members(b"".join(whole)) == {"large": large}


def test_pieces_are_never_larger_than_a_frame(local: Path) -> None:
    content = os.urandom(BIG)
    (local / "big").write_bytes(content)
    (local / "small").write_bytes(b"x")

    pack = Pack(local, [change(b"big", content), change(b"small", b"x")])

    assert max(map(len, pack)) <= 256 * 1024
    assert pack.size == BIG + 1


def test_what_is_read_slowly_comes_before_a_frame_is_full(local: Path) -> None:
    changes = [change(b"%d" % number, b"x") for number in range(9)]
    for number in range(9):
        (local / str(number)).write_bytes(b"x")
    times = itertools.count()

    pieces = list(Pack(local, changes, clock=lambda: next(times) / 10))

    assert 1 < len(pieces) < 9
    assert b"".join(pieces) == b"".join(Pack(local, changes))


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

    assert list(pack.torn) == list(pack.void) == [b"b"]
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

    assert members(b"".join(pack)) == {}
    assert list(pack.unread) == list(pack.void) == [b"a", b"b"]


@pytest.mark.parametrize("size", [100, BIG])
def test_a_file_that_may_not_be_read_is_told_apart_from_one_that_changed(
    open_path: Path, nobody: dict[str, Any], size: int
) -> None:
    (open_path / "closed").write_bytes(b"x" * size)
    (open_path / "closed").chmod(0)
    (open_path / "open").write_bytes(b"o")
    pack = Pack(open_path, [change(b"closed", b"x" * size), change(b"open", b"o")])

    with acting_as(nobody["user"]):
        found = members(b"".join(pack))

    assert pack.unread == {b"closed": "Permission denied"}
    assert pack.torn == {}
    assert found == {"open": b"o"}


def test_a_large_file_on_a_disk_that_fails_is_unread_and_keeps_its_promised_size(
    local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(BIG)
    (local / "a").write_bytes(content)
    pack = Pack(local, [change(b"a", content)])
    pieces = iter(pack)
    stream = next(pieces)

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    stream += b"".join(pieces)

    assert pack.unread == {b"a": "Input/output error"}
    assert pack.spoilt == [b"a"]
    assert len(members(stream)["a"]) == BIG


def test_a_file_of_any_size_passes_in_bounded_memory(local: Path) -> None:
    size = 64 << 20
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
