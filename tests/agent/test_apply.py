"""What a batch does to the container's tree, case by case."""

import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.delta import Delta, Flavour, Pack, digest_of, header
from syncd.tree import Change, Entry, Kind, diff
from syncd.wire import Message, encode, encode_data
from tests.agent.conftest import NOBODY
from tests.agent_driver import (
    AgentProcess,
    changes_between,
    entry_at,
    served,
    tree_at,
    written,
)


def codes(applied: Message) -> dict[str, str]:
    return {error["path"]: error["code"] for error in applied.get("errors", [])}


def notes(applied: Message) -> dict[str, str]:
    return {note["path"]: note["code"] for note in applied.get("notes", [])}


def gone(*paths: str) -> list[Change]:
    return [Change(path.encode(), None) for path in paths]


def present(local: Path, *paths: str) -> list[Change]:
    return [Change(path.encode(), entry_at(local / path)) for path in paths]


# --- the acknowledgement -----------------------------------------------------------


def test_the_acknowledgement_counts_what_was_done(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="xx", pkg__b="yyy")
    (local / "link").symlink_to("a.py")
    written(remote, old="z")

    applied = agent.level(local, remote)

    assert applied["files"] == 3
    assert applied["deleted"] == 1
    assert applied["bytes"] == 5
    assert applied["stage_ms"] >= 0
    assert applied["commit_ms"] >= 0
    assert "errors" not in applied
    assert "notes" not in applied


def test_deleting_what_is_gone_already_is_as_good(agent: AgentProcess) -> None:
    applied = agent.apply(Path("/"), gone("a", "b/c"))

    assert applied["deleted"] == 2


# --- kinds -------------------------------------------------------------------------


def make_file(path: Path) -> None:
    path.write_text("file")


def make_other_file(path: Path) -> None:
    path.write_text("other")
    path.chmod(0o755)


def make_empty_folder(path: Path) -> None:
    path.mkdir()


def make_folder(path: Path) -> None:
    (path / "sub").mkdir(parents=True)
    (path / "sub/deep.py").write_text("deep")
    (path / "top.py").write_text("top")


def make_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def make_link_to_folder(path: Path) -> None:
    path.symlink_to("..")


def make_nothing(path: Path) -> None:
    pass


KINDS: list[Callable[[Path], None]] = [
    make_file,
    make_other_file,
    make_empty_folder,
    make_folder,
    make_link,
    make_link_to_folder,
    make_nothing,
]


@pytest.mark.parametrize("new", KINDS, ids=lambda make: make.__name__[5:])
@pytest.mark.parametrize("old", KINDS, ids=lambda make: make.__name__[5:])
def test_anything_can_take_the_place_of_anything(
    local: Path,
    remote: Path,
    old: Callable[[Path], None],
    new: Callable[[Path], None],
) -> None:
    old(remote / "x")
    new(local / "x")

    frames = Delta(local, changes_between(remote, local)).frames(1, 0)
    (applied,) = served(remote, frames)

    assert codes(applied) == {}
    assert tree_at(remote) == tree_at(local)


@pytest.mark.parametrize("make", [os.mkfifo, lambda p: os.mknod(p, stat.S_IFSOCK)])
def test_a_pipe_or_socket_in_the_way_is_replaced(
    agent: AgentProcess, local: Path, remote: Path, make: Callable[[Path], None]
) -> None:
    make(remote / "a.py")
    make(remote / "pkg")
    written(local, a="x", pkg__b="y")

    changes = diff({}, tree_at(local))
    applied = agent.apply(local, changes)

    assert codes(applied) == {}
    assert tree_at(remote) == tree_at(local)


def test_a_folder_that_somebody_took_away_is_told_and_not_made_up(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, pkg__a="x", b="y")

    applied = agent.apply(local, present(local, "pkg/a.py", "b.py"))

    assert codes(applied) == {"pkg/a.py": "missing-parent"}
    assert list(tree_at(remote)) == [b"b.py"]


def test_a_missing_root_fails_each_path(local: Path, tmp_path: Path) -> None:
    written(local, a="x", b="y")

    with AgentProcess(tmp_path / "none") as agent:
        applied = agent.apply(local, [*diff({}, tree_at(local)), *gone("c")])

    assert codes(applied) == dict.fromkeys(("a.py", "b.py", "c"), "root-missing")


def test_a_root_that_is_made_anew_is_the_new_one(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x")
    agent.level(local, remote)
    shutil.rmtree(remote)
    remote.mkdir()

    agent.level(local, remote)

    assert tree_at(remote) == tree_at(local)


def test_paths_of_four_kibibytes_are_written_and_deleted(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    names = ["d" * 200] * 20
    (local / "f").write_text("deep")
    entry = entry_at(local / "f")
    folders = ["/".join(names[:depth]).encode() for depth in range(1, 21)]
    path = folders[-1] + b"/f"
    wanted = [Change(folder, Entry(Kind.DIR, 0o755)) for folder in folders]
    stream = encode(
        {
            "op": "apply",
            "id": 1,
            "root": 0,
            "deletes": [],
            "modes": [],
            "dirs": [[change.path.decode(), 0o755] for change in wanted],
        }
    )
    stream += encode_data(header(path, entry, Flavour.PAX) + b"deep".ljust(512, b"\0"))
    digest = digest_of({path: entry.digest})
    end = {"op": "end", "id": 1, "void": [], "bytes": 4, "digest": digest}

    agent.send(stream + encode(end))
    applied = agent.answer()
    listed = agent.listing(folders[-1].decode())
    removed = agent.apply(local, [Change(p, None) for p in (*folders, path)])

    assert codes(applied) == {}
    assert list(listed) == [path]
    assert removed["deleted"] == 21
    assert list(remote.iterdir()) == []


# --- modes -------------------------------------------------------------------------


def test_modes_alone_change_without_a_new_file(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x", pkg__b="y")
    agent.level(local, remote)
    inode = (remote / "a.py").stat().st_ino
    held = tree_at(remote)
    (local / "a.py").chmod(0o755)
    (local / "pkg").chmod(0o700)

    agent.level(local, remote, held=held)

    assert tree_at(remote) == tree_at(local)
    assert (remote / "a.py").stat().st_ino == inode


def test_setuid_bits_are_never_set(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x")
    (local / "a.py").chmod(0o4755)
    setuid = Entry(Kind.FILE, 0o4755, 1, entry_at(local / "a.py").digest)

    agent.apply(local, [Change(b"a.py", setuid)])

    assert stat.S_IMODE((remote / "a.py").stat().st_mode) == 0o755


def test_the_umask_has_no_say(local: Path, remote: Path) -> None:
    written(local, a="x", pkg__b="y")
    (local / "pkg").chmod(0o777)
    (local / "a.py").chmod(0o666)

    prefix = ["sh", "-c", 'umask 077; exec "$@"', "sh"]
    with AgentProcess(remote, prefix=prefix) as agent:
        agent.level(local, remote)

    assert tree_at(remote) == tree_at(local)


# --- deletes -----------------------------------------------------------------------


def test_a_folder_with_foreign_files_stays_and_names_three_of_them(
    agent: AgentProcess, remote: Path
) -> None:
    written(remote, pkg__ours="x", **{f"pkg__data{n}": "" for n in range(5)})

    applied = agent.apply(Path("/"), gone("pkg", "pkg/ours.py"))

    assert codes(applied) == {"pkg": "not-empty"}
    assert applied["errors"][0]["error"] == (
        "the folder still holds data0.py, data1.py, data2.py, …"
    )
    assert applied["deleted"] == 1
    assert not (remote / "pkg/ours.py").exists()
    assert (remote / "pkg/data4.py").exists()


def test_a_file_does_not_take_the_place_of_a_folder_with_foreign_files(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(remote, pkg__ours="x", pkg__foreign="y")
    (local / "pkg").write_text("file")
    (local / "b").write_text("b")

    changes = [*present(local, "pkg", "b"), *gone("pkg/ours.py")]
    applied = agent.apply(local, changes)

    assert codes(applied) == {"pkg": "not-empty"}
    assert (remote / "pkg/foreign.py").read_text() == "y"
    assert (remote / "b").exists()
    assert len(list(remote.iterdir())) == 2


def test_what_python_left_in_a_folder_goes_with_it(
    agent: AgentProcess, remote: Path
) -> None:
    written(remote, pkg__a="x", pkg__sub__b="y")
    for folder in ("pkg", "pkg/sub"):
        (remote / folder / "__pycache__").mkdir()
        (remote / folder / "__pycache__/x.cpython-312.pyc").touch()
        (remote / folder / "old.pyc").touch()
        (remote / folder / ".syncd-999-17").touch()

    applied = agent.apply(Path("/"), gone("pkg", "pkg/a.py", "pkg/sub", "pkg/sub/b.py"))

    assert codes(applied) == {}
    assert list(remote.iterdir()) == []


@pytest.mark.parametrize("as_file", [False, True], ids=["delete", "replace by a file"])
def test_a_replica_gives_up_foreign_files(
    agent: AgentProcess, local: Path, remote: Path, *, as_file: bool
) -> None:
    written(remote, pkg__foreign="x", pkg__deep__er__foreign="y")
    (remote / "pkg/link").symlink_to("/etc")
    (local / "pkg").write_text("file")

    changes = present(local, "pkg") if as_file else gone("pkg")
    applied = agent.apply(local, changes, replica=True)

    assert codes(applied) == {}
    assert tree_at(remote) == (tree_at(local) if as_file else {})
    assert Path("/etc").exists()


def test_read_only_folders_of_ours_are_opened_up_and_closed_again(
    open_path: Path, local: Path, nobody: dict[str, Any]
) -> None:
    written(open_path, pkg__a="old", pkg__gone="", pkg__sub__b="")
    for path in (open_path, *open_path.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    written(local, pkg__a="new", pkg__fresh="x")
    for folder in (open_path / "pkg/sub", open_path / "pkg"):
        folder.chmod(0o555)

    with AgentProcess(open_path, **nobody) as agent:
        changes = [
            *present(local, "pkg/a.py", "pkg/fresh.py"),
            *gone("pkg/gone.py", "pkg/sub", "pkg/sub/b.py"),
        ]
        applied = agent.apply(local, changes)

    assert codes(applied) == {}
    assert set(tree_at(open_path)) == {b"pkg", b"pkg/a.py", b"pkg/fresh.py"}
    assert (open_path / "pkg/a.py").read_text() == "new"
    assert stat.S_IMODE((open_path / "pkg").stat().st_mode) == 0o555


# --- times and byte-code -----------------------------------------------------------


def test_the_time_of_a_file_is_now_and_ever_later(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    times = [time.time_ns()]
    for content in "abcdefgh":
        (local / "a.txt").write_text(content)
        agent.level(local, remote)
        times.append((remote / "a.txt").stat().st_mtime_ns)

    assert times == sorted(set(times))
    assert times[-1] <= time.time_ns()


def test_a_file_from_the_future_is_still_replaced_by_a_later_one(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="new")
    written(remote, a="old")
    future = time.time_ns() + 10**15
    os.utime(remote / "a.py", ns=(future, future))

    agent.level(local, remote)
    first = (remote / "a.py").stat().st_mtime_ns
    agent.apply(local, gone("a.py"))
    agent.level(local, remote)

    assert future < first < (remote / "a.py").stat().st_mtime_ns


def test_two_quick_edits_of_one_size_differ_in_whole_seconds(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    seconds = []
    for content in "abc":
        written(local, a=content)
        agent.level(local, remote)
        seconds.append((remote / "a.py").stat().st_mtime_ns // 10**9)

    assert len(set(seconds)) == 3


def test_byte_code_of_modules_that_change_goes_and_other_stays(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(remote, pkg__changed="old", pkg__gone="x", pkg__same="y", pkg__chang="z")
    written(local, pkg__changed="new", pkg__same="y", pkg__chang="z")
    cache = remote / "pkg/__pycache__"
    cache.mkdir()
    for stem in ("changed", "gone", "same", "chang"):
        for suffix in ("cpython-312", "cpython-38.opt-1", "cpython-312-pytest-8.0"):
            (cache / f"{stem}.{suffix}.pyc").touch()
        (remote / f"pkg/{stem}.pyc").touch()
    (cache / "changed.notes").touch()

    agent.apply(local, [*present(local, "pkg/changed.py"), *gone("pkg/gone.py")])

    left = {path.name.split(".")[0] for path in cache.glob("*.pyc")}
    assert left == {"same", "chang"}
    assert {path.stem for path in remote.glob("pkg/*.pyc")} == {"same", "chang"}
    assert (cache / "changed.notes").exists()


def test_byte_code_behind_a_link_is_not_touched(
    agent: AgentProcess, local: Path, remote: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/a.cpython-312.pyc").touch()
    (remote / "__pycache__").symlink_to(tmp_path / "cache")
    written(local, a="x")

    applied = agent.apply(local, present(local, "a.py"))

    assert codes(applied) == {}
    assert (tmp_path / "cache/a.cpython-312.pyc").exists()


# --- what did not arrive as it was --------------------------------------------------


def test_a_torn_file_is_not_put_in_place(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    (local / "big").write_bytes(b"x" * 700_000)
    written(local, a="new")
    written(remote, a="old")
    (remote / "big").write_text("old")
    changes = changes_between(remote, local)
    delta = Delta(local, changes)
    frames = delta.frames(1, 0)
    stream = next(frames) + next(frames)
    (local / "big").write_bytes(b"y")
    agent.send(stream + b"".join(frames))
    applied = agent.answer()

    delta.confirm(applied)
    assert list(delta.pack.void) == [b"big"]
    assert applied["files"] == 1
    assert (remote / "big").read_text() == "old"
    assert (remote / "a.py").read_text() == "new"
    assert len(list(remote.iterdir())) == 2


def test_content_that_is_not_what_its_digest_says_is_not_put_in_place(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="good", b="good")
    written(remote, a="old")
    delta = Delta(local, changes_between(remote, local))
    stream = b"".join(delta.frames(1, 0))

    agent.send(stream.replace(b"good", b"evil", 1))
    applied = agent.answer()

    delta.confirm(applied)
    assert codes(applied) == {"a.py": "corrupt"}
    assert (remote / "a.py").read_text() == "old"
    assert (remote / "b.py").read_text() == "good"


def test_a_stream_that_lacks_a_file_is_not_put_in_place(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x", b="y")
    whole = list(Delta(local, diff({}, tree_at(local))).frames(1, 0))
    half = Pack(local, present(local, "a.py"))
    agent.send(whole[0] + b"".join(map(encode_data, half)) + whole[-1])

    assert agent.receive()["op"] == "fatal"
    assert list(remote.iterdir()) == []


# --- who may see what ----------------------------------------------------------------


def test_a_temporary_is_private_until_it_is_complete(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    (local / "a").write_bytes(b"x" * 700_000)
    frames = list(Delta(local, present(local, "a")).frames(1, 0))

    agent.send(b"".join(frames[:3]))
    agent.ask({"op": "ping", "id": 1})
    (temporary,) = remote.iterdir()

    assert temporary.name.startswith(f".syncd-{agent.process.pid}-")
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o600


def test_ownership_is_the_users_of_the_agent(
    open_path: Path, local: Path, nobody: dict[str, Any]
) -> None:
    (open_path / "root").mkdir()
    os.chown(open_path / "root", NOBODY, NOBODY)
    written(local, pkg__a="x")

    with AgentProcess(open_path / "root", **nobody) as agent:
        agent.level(local, open_path / "root")

    owners = {path.stat().st_uid for path in open_path.glob("root/**/*")}
    assert owners == {NOBODY}


def test_many_errors_come_in_parts(local: Path, remote: Path) -> None:
    names = [f"{number:04}{'n' * 60}" for number in range(3000)]

    frames = Delta(local, gone(*(f"{name}/../x" for name in names))).frames(1, 0)
    parts: list[dict[str, Any]] = served(remote, frames)

    assert [part["end"] for part in parts] == [False] * (len(parts) - 1) + [True]
    errors = [error["path"] for part in parts for error in part["errors"]]
    assert errors == [f"{name}/../x" for name in names]
