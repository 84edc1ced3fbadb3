"""hello, list and hash: what the agent says of its container."""

import hashlib
import os
import socket
import time
import zlib
from pathlib import Path
from typing import Any

from syncd.tree import Kind
from syncd.wire import MAX_MESSAGE, encode
from tests.agent_driver import AgentProcess, served, tree_at, written


def test_hello_says_who_and_where_it_is(tmp_path: Path, remote: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(remote)

    roots = [remote, tmp_path / "link", tmp_path / "file", tmp_path / "none"]
    with AgentProcess(*roots, tools=["sh", "no-such-tool"]) as agent:
        hello = agent.hello

    assert hello["pid"] == agent.process.pid
    assert (hello["uid"], hello["gid"]) == (os.geteuid(), os.getegid())
    assert hello["user"]
    assert hello["cwd"] == str(Path.cwd())
    assert abs(hello["time_ns"] - time.time_ns()) < 10**10
    assert len(hello["digest"]) == 16
    assert hello["tools"]["sh"].endswith("/sh")
    assert hello["tools"]["no-such-tool"] is None
    assert [(r["kind"], r["exists"], r["writable"]) for r in hello["roots"]] == [
        ("d", True, True),
        ("d", True, True),
        ("f", True, os.access(tmp_path / "file", os.W_OK | os.X_OK)),
        ("", False, False),
    ]
    assert hello["roots"][1]["realpath"] == str(remote.resolve())


def test_a_user_without_a_name_is_its_number(
    remote: Path, nobody: dict[str, Any]
) -> None:
    with AgentProcess(remote, **nobody | {"user": 54321}) as agent:
        assert agent.hello["user"] == "54321"


def test_a_listing_is_what_is_on_disk(agent: AgentProcess, remote: Path) -> None:
    written(remote, a="x", pkg__b="yy")
    (remote / "a.py").chmod(0o640)
    (remote / "pkg").chmod(0o4750)
    (remote / "link").symlink_to("/nowhere/at all")
    os.mkfifo(remote / "pipe")
    (remote / "\udcff\n").write_text("")

    listing = agent.listing("", "pkg")
    facts = {path: entry[:3] + entry[4:] for path, entry in listing.items()}

    assert facts == {
        b"a.py": ["f", 0o640, 1, ""],
        b"pkg": ["d", 0o750, 0, ""],
        b"pkg/b.py": ["f", 0o644, 2, ""],
        b"link": ["l", 0, 0, "/nowhere/at all"],
        b"pipe": ["o", (remote / "pipe").stat().st_mode & 0o777, 0, ""],
        b"\xff\n": ["f", 0o644, 0, ""],
    }
    assert listing[b"a.py"][3] == (remote / "a.py").stat().st_mtime_ns


def test_only_the_named_folders_are_listed(agent: AgentProcess, remote: Path) -> None:
    written(remote, a="", pkg__b="", pkg__sub__c="")
    (remote / "link").symlink_to("pkg")

    assert set(agent.listing("pkg/sub")) == {b"pkg/sub/c.py"}
    assert agent.listing("none", "a.py", "link", "link/sub") == {}


def test_an_empty_listing_is_a_listing(agent: AgentProcess) -> None:
    assert agent.ask({"op": "list", "id": 1, "root": 0, "dirs": [""]}) == {
        "op": "list",
        "id": 1,
        "end": True,
        "entries": [],
    }


def test_a_root_that_is_a_link_is_followed(tmp_path: Path, remote: Path) -> None:
    written(remote, a="")
    (tmp_path / "link").symlink_to(remote)

    with AgentProcess(tmp_path / "link") as agent:
        assert list(agent.listing("")) == [b"a.py"]


def test_a_missing_root_is_an_error_as_data(tmp_path: Path) -> None:
    with AgentProcess(tmp_path / "none") as agent:
        answer = agent.ask({"op": "list", "id": 1, "root": 0, "dirs": ["", "a"]})

    assert [e["code"] for e in answer["errors"]] == ["root-missing"] * 2


def test_an_unreadable_folder_is_an_error_as_data(
    open_path: Path, nobody: dict[str, Any]
) -> None:
    written(open_path, open__a="", closed__b="")
    (open_path / "closed").chmod(0o700)

    with AgentProcess(open_path, **nobody) as agent:
        message = {"op": "list", "id": 1, "root": 0, "dirs": ["open", "closed"]}
        answer = agent.ask(message)

    assert [entry[0] for entry in answer["entries"]] == ["open/a.py"]
    assert [(e["path"], e["code"]) for e in answer["errors"]] == [
        ("closed", "permission-denied")
    ]


def test_long_listings_come_in_parts(remote: Path) -> None:
    for number in range(5000):
        (remote / f"{number:04}").touch()

    ask = encode({"op": "list", "id": 9, "root": 0, "dirs": [""]})
    parts = served(remote, [ask])

    assert [part["end"] for part in parts] == [False] * (len(parts) - 1) + [True]
    assert max(len(part["entries"]) for part in parts) <= 2000
    assert sum(len(part["entries"]) for part in parts) == 5000


def test_parts_of_the_longest_names_fit_in_a_message(remote: Path) -> None:
    folder = remote
    for _ in range(10):
        folder /= "\udcff" * 250
        folder.mkdir()
    for number in range(800):
        (folder / f"{number:04}{'n' * 240}").touch()
    name = os.fspath(folder.relative_to(remote))

    ask = encode({"op": "list", "id": 9, "root": 0, "dirs": [name]})
    parts = served(remote, [ask])

    assert max(len(encode(part)) for part in parts) < MAX_MESSAGE // 4
    assert sum(len(part["entries"]) for part in parts) == 800


def test_hashes_are_those_of_the_contents(agent: AgentProcess, remote: Path) -> None:
    written(remote, a="x", big="y" * 700_000)
    (remote / "pkg").mkdir()
    (remote / "link").symlink_to("a.py")
    os.mkfifo(remote / "pipe")

    names = ["a.py", "big.py", "none", "pkg", "link", "pipe", "../remote/a.py"]
    answer = agent.ask({"op": "hash", "id": 1, "root": 0, "paths": names})

    assert answer["digests"] == {
        "a.py": hashlib.sha256(b"x").hexdigest(),
        "big.py": hashlib.sha256(b"y" * 700_000).hexdigest(),
    }
    assert {e["path"]: e["code"] for e in answer["errors"]} == {
        "none": "missing",
        "pkg": "blocked",
        "link": "blocked",
        "pipe": "blocked",
        "../remote/a.py": "outside-root",
    }


def temporary(pid: int, count: int = 1, host: str | None = None) -> str:
    name = socket.gethostname() if host is None else host
    place = name + str(Path("/proc/self/ns/pid").readlink())
    return f".syncd-{pid}-{1 << 32 | zlib.crc32(place.encode())}{count}"


def test_temporaries_of_dead_agents_are_swept(
    agent: AgentProcess, remote: Path
) -> None:
    dead = temporary(2**22 + 1)
    recycled = temporary(os.getpid())
    earlier_self = temporary(agent.process.pid, 99)
    for name in (dead, recycled, earlier_self):
        (remote / name).touch()

    assert agent.listing("") == {}
    assert list(remote.iterdir()) == []


def test_temporaries_of_live_agents_are_left_and_not_listed(
    agent: AgentProcess, remote: Path
) -> None:
    with AgentProcess(remote) as other:
        name = temporary(other.process.pid)
        (remote / name).touch()

        assert agent.listing("") == {}
        assert [path.name for path in remote.iterdir()] == [name]


def test_temporaries_of_another_pod_on_a_shared_volume_are_left_while_young(
    agent: AgentProcess, remote: Path
) -> None:
    young = temporary(2**22 + 1, 1, host="another-pod")
    old = temporary(2**22 + 1, 2, host="another-pod")
    for name in (young, old):
        (remote / name).touch()
    os.utime(remote / old, (1, 1))

    agent.listing("")

    assert [path.name for path in remote.iterdir()] == [young]


def test_a_name_that_only_looks_like_a_temporary_is_an_ordinary_file(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    names = {b".syncd-", b".syncd-12", b".syncd-12-x", b".syncd-x-1", b"a.syncd-1-1"}
    for name in names:
        (local / os.fsdecode(name)).touch()

    agent.level(local, remote)

    assert set(agent.listing("")) == names
    assert all(entry.kind is Kind.FILE for entry in tree_at(remote).values())
