"""Times of modification, and byte-code."""

import os
import time
from pathlib import Path

from tests.agent_driver import (
    AgentProcess,
    codes,
    gone,
    notes,
    present,
    written,
)


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


def test_a_folder_that_goes_takes_its_byte_code_with_it_in_silence(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(remote, pkg__a="1", pkg__b="2")
    (remote / "pkg/__pycache__").mkdir()
    (remote / "pkg/__pycache__/a.cpython-312.pyc").touch()

    applied = agent.apply(local, gone("pkg/a.py", "pkg/b.py", "pkg"))

    assert (applied["deleted"], codes(applied), notes(applied)) == (3, {}, [])
    assert not (remote / "pkg").exists()


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
