"""The agent never leaves its root."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.delta import Flavour, digest_of, header
from syncd.tree import Entry
from syncd.wire import Message, as_text, encode, encode_data
from tests.agent_driver import AgentProcess, entry_at, tree_at


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    (folder / "victim.py").write_text("precious")
    (folder / "sub/victim.py").write_text("precious")
    return folder


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    (tmp_path / "source").write_text("evil")
    return entry_at(tmp_path / "source")


def batch(entry: Entry, *paths: bytes, **lists: Any) -> bytes:
    """Return a batch that writes "evil" to `paths`, made without syncd's own checks."""
    apply: Message = {"op": "apply", "id": 1, "root": 0}
    apply |= {"deletes": [], "dirs": [], "modes": []} | lists
    stream = encode(apply)
    for path in paths:
        data = header(path, entry, Flavour.PAX) + b"evil".ljust(512, b"\0")
        stream += encode_data(data)
    digest = digest_of(dict.fromkeys(paths, entry.digest))
    size = len(paths) * entry.size
    end = {"op": "end", "id": 1, "void": [], "bytes": size, "digest": digest}
    return stream + encode(end)


def codes(applied: Message) -> set[str]:
    return {error["code"] for error in applied.get("errors", [])}


def hostile(outside: Path) -> Iterator[bytes]:
    yield b"../outside/victim.py"
    yield b"pkg/../../outside/victim.py"
    yield b".."
    yield b"."
    yield b"pkg/."
    yield b"./victim.py"
    yield b"pkg//victim.py"
    yield b"pkg/"
    yield b""
    yield os.fsencode(outside / "victim.py")


@pytest.mark.parametrize("number", range(10))
def test_a_path_that_leads_outside_is_refused(
    agent: AgentProcess, remote: Path, outside: Path, entry: Entry, number: int
) -> None:
    (remote / "pkg").mkdir()
    before = tree_at(outside.parent)
    path = list(hostile(outside))[number]
    text = as_text(path)
    deletes = [{"path": text, "recursive": True}]

    for stream in (
        batch(entry, path) if path else batch(entry, dirs=[["", 0o700]]),
        batch(entry, deletes=deletes),
        batch(entry, dirs=[[text, 0o777]]),
        batch(entry, modes=[[text, 0o777]]),
    ):
        agent.send(stream)
        assert codes(agent.answer()) == {"outside-root"}

    assert tree_at(outside.parent) == before


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "pkg/.syncd-1-2"])
def test_a_name_that_no_file_can_have_is_refused(
    agent: AgentProcess, entry: Entry, path: str
) -> None:
    agent.send(batch(entry, dirs=[[path, 0o700]], deletes=[{"path": path}]))

    assert codes(agent.answer()) == {"name-refused"}


@pytest.mark.parametrize(
    ("lists", "paths"),
    [
        pytest.param({}, [b"link/victim.py"], id="write"),
        pytest.param({}, [b"link/sub/victim.py"], id="write deeper"),
        pytest.param({}, [b"link/new.py"], id="write anew"),
        pytest.param({"dirs": [["link/new", 0o777]]}, [], id="make a folder"),
        pytest.param({"modes": [["link/victim.py", 0o777]]}, [], id="mode"),
        pytest.param({"modes": [["file", 0o777]]}, [], id="mode of a link"),
    ],
)
def test_no_link_in_the_container_is_followed(
    agent: AgentProcess,
    remote: Path,
    outside: Path,
    entry: Entry,
    lists: dict[str, Any],
    paths: list[bytes],
) -> None:
    (remote / "link").symlink_to(outside)
    (remote / "file").symlink_to(outside / "victim.py")
    before = tree_at(outside)

    agent.send(batch(entry, *paths, **lists))

    assert codes(agent.answer()) == {"blocked"}
    assert tree_at(outside) == before
    assert {path.name for path in remote.iterdir()} == {"link", "file"}


def test_a_delete_behind_a_link_has_nothing_to_delete(
    agent: AgentProcess, remote: Path, outside: Path, entry: Entry
) -> None:
    (remote / "link").symlink_to(outside)
    before = tree_at(outside)

    paths = ["link/victim.py", "link/sub"]
    agent.send(batch(entry, deletes=[{"path": p, "recursive": True} for p in paths]))
    applied = agent.answer()

    assert codes(applied) == set()
    assert tree_at(outside) == before


def test_a_recursive_delete_takes_links_and_not_what_they_point_to(
    agent: AgentProcess, remote: Path, outside: Path, entry: Entry
) -> None:
    (remote / "pkg").mkdir()
    (remote / "pkg/link").symlink_to(outside)
    before = tree_at(outside)

    agent.send(batch(entry, deletes=[{"path": "pkg", "recursive": True}]))
    agent.answer()

    assert list(remote.iterdir()) == []
    assert tree_at(outside) == before


def test_a_file_in_place_of_a_link_does_not_write_through_it(
    agent: AgentProcess, remote: Path, outside: Path, entry: Entry
) -> None:
    (remote / "a.py").symlink_to(outside / "victim.py")

    agent.send(batch(entry, b"a.py"))
    agent.answer()

    assert (remote / "a.py").read_text() == "evil"
    assert not (remote / "a.py").is_symlink()
    assert (outside / "victim.py").read_text() == "precious"


def test_a_link_that_is_swapped_in_between_is_not_followed(
    agent: AgentProcess, remote: Path, outside: Path, entry: Entry
) -> None:
    """Exchange a folder and a link as fast as can be, while batches go there."""
    (remote / "pkg").mkdir()
    (remote / "link").symlink_to(outside)
    before = tree_at(outside)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for old, new in (("pkg", "away"), ("link", "pkg"), ("pkg", "link")):
                (remote / old).rename(remote / new)
            (remote / "away").rename(remote / "pkg")

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(150):
            agent.send(
                batch(
                    entry,
                    b"pkg/victim.py",
                    b"pkg/sub/victim.py",
                    b"pkg/new%d" % number,
                    deletes=[{"path": "pkg/sub", "recursive": True}],
                    dirs=[["pkg/folder", 0o777]],
                    modes=[["pkg/victim.py", 0o777]],
                )
            )
            agent.answer()
    finally:
        done.set()
        swapper.join()

    assert tree_at(outside) == before
