"""A batch lands whole: the properties."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from syncd.delta import Delta
from tests.agent.trees import Edit, edited, edits, grown
from tests.agent_driver import AgentProcess, changes_between, served, tree_at, written


@contextmanager
def two_trees(old: list[Edit], new: list[Edit]) -> Iterator[tuple[Path, Path]]:
    """Yield a local folder after all edits, and a container's after the old ones."""
    with tempfile.TemporaryDirectory() as folder:
        model = edited({}, old)
        remote = grown(Path(folder, "remote"), model)
        local = grown(Path(folder, "local"), edited(model, new))
        yield local, remote


@given(edits, edits, st.booleans(), st.booleans())
def test_a_batch_makes_any_tree_equal_to_any_other(
    old: list[Edit], new: list[Edit], compress: bool, modes_alone: bool
) -> None:
    with two_trees(old, new) as (local, remote):
        changes = changes_between(remote, local)
        held = tree_at(remote) if modes_alone else None
        delta = Delta(local, changes, held=held, compress=compress)

        (applied,) = served(remote, delta.frames(1, 0))

        delta.confirm(applied)
        assert "errors" not in applied
        assert tree_at(remote) == tree_at(local)


@given(edits, edits, st.floats(0, 1, exclude_max=True))
def test_a_stream_that_is_cut_anywhere_leaves_the_old_tree(
    old: list[Edit], new: list[Edit], where: float
) -> None:
    with two_trees(old, new) as (local, remote):
        before = tree_at(remote)
        changes = changes_between(remote, local)
        stream = b"".join(Delta(local, changes).frames(1, 0))

        assert served(remote, [stream[: int(where * len(stream))]]) == []
        assert tree_at(remote) == before

        served(remote, Delta(local, changes).frames(2, 0))
        assert tree_at(remote) == tree_at(local)


@given(edits, edits, st.binary(min_size=1, max_size=8), st.floats(0, 1))
def test_a_stream_with_other_bytes_in_it_leaves_each_path_old_or_new(
    old: list[Edit], new: list[Edit], noise: bytes, where: float
) -> None:
    with two_trees(old, new) as (local, remote):
        before, after = tree_at(remote), tree_at(local)
        stream = b"".join(Delta(local, changes_between(remote, local)).frames(1, 0))
        at = int(where * len(stream))

        served(remote, [stream[:at] + noise + stream[at + len(noise) :]])

        for path, entry in tree_at(remote).items():
            known = {before.get(path), after.get(path)}
            contents = {(e.kind, e.digest, e.target) for e in known if e}
            # A changed byte in a list may name or make a folder; never a file.
            assert entry.kind == "d" or (entry.kind, entry.digest, entry.target) in (
                contents
            )


@pytest.mark.parametrize("delay_ms", [0, 5, 15, 40])
def test_a_kill_in_the_middle_of_the_burst_leaves_each_path_old_or_new(
    local: Path, remote: Path, delay_ms: int
) -> None:
    names = {f"d{number % 40}__m{number}": str(number) for number in range(400)}
    written(remote, **names)
    written(local, **{name: content * 2 for name, content in names.items()})
    before, after = tree_at(remote), tree_at(local)

    with AgentProcess(remote) as agent:
        for frame in Delta(local, changes_between(remote, local)).frames(1, 0):
            agent.send(frame)
        time.sleep(delay_ms / 1000)  # a place in the burst, not a wait
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
        killed = tree_at(remote)
    with AgentProcess(remote) as agent:
        agent.listing("", *(f"d{number}" for number in range(40)))
        swept = tree_at(remote)
        agent.level(local, remote)

    visible = {p: e for p, e in killed.items() if b".syncd-" not in p}
    assert visible == swept
    assert visible.keys() == before.keys()
    assert all(entry in (before[p], after[p]) for p, entry in visible.items())
    assert tree_at(remote) == after


def test_a_reader_never_sees_half_a_file_nor_none(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    versions = [bytes([65 + number]) * (100_000 + 1000 * number) for number in range(9)]
    (remote / "a.py").write_bytes(versions[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add((remote / "a.py").read_bytes())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(90):
            (local / "a.py").write_bytes(versions[number % 9])
            agent.level(local, remote)
    finally:
        done.set()
        for reader in readers:
            reader.join()

    assert seen <= set(versions)
    assert len(seen) > 1


def test_nothing_is_visible_before_the_end(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="new", b="new", pkg__c="new")
    written(remote, a="old", gone="x")
    before = tree_at(remote)
    *frames, end = Delta(local, changes_between(remote, local)).frames(1, 0)
    agent.send(b"".join(frames))
    agent.ask({"op": "ping", "id": 1})
    staged = {p: e for p, e in tree_at(remote).items() if b".syncd-" not in p}

    agent.send(end)
    agent.answer()

    assert staged == before
    assert tree_at(remote) == tree_at(local)


def test_a_file_is_replaced_by_nothing_but_a_rename(
    local: Path, remote: Path, tmp_path: Path
) -> None:
    """Seen by the system calls: no unlink, no truncation, no open for writing."""
    if subprocess.run(["which", "strace"], capture_output=True, check=False).returncode:
        pytest.skip("needs strace")
    written(local, a="new")
    written(remote, a="old")
    log = tmp_path / "log"
    prefix = ["strace", "-f", "-o", str(log), "-e", "trace=%file"]

    with AgentProcess(remote, prefix=prefix) as agent:
        agent.level(local, remote)

    calls = [line for line in log.read_text().splitlines() if '"a.py"' in line]
    changing = [
        line for line in calls if not any(c in line for c in ("fstatat", "stat("))
    ]
    assert len(changing) == 1
    assert "rename" in changing[0]
    assert os.fspath(remote) not in changing[0]  # relative to a folder it holds
