"""What a batch does to the tree, case by case."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.delta import Delta, Flavour, digest_of, header
from syncd.tree import Change, Entry, Kind, diff
from syncd.wire import encode, encode_data
from tests.agent_driver import (
    AgentProcess,
    changes_between,
    codes,
    entry_at,
    gone,
    present,
    served,
    tree_at,
    written,
)
from tests.places import NOBODY


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


# --- who may see what --------------------------------------------------------------


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
