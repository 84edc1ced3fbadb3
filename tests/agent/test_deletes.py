"""What goes, what stays, and what goes with it."""

import os
import stat
from pathlib import Path
from typing import Any

from tests.agent_driver import (
    AgentProcess,
    codes,
    gone,
    present,
    tree_at,
    written,
)
from tests.places import NOBODY


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


def test_a_replica_gives_up_foreign_files(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(remote, pkg__foreign="x", pkg__deep__er__foreign="y")
    (remote / "pkg/link").symlink_to("/etc")

    applied = agent.apply(local, gone("pkg"), replica=True)

    assert codes(applied) == {}
    assert tree_at(remote) == {}
    assert Path("/etc").exists()


def test_a_replica_gives_up_for_a_file_only_what_it_is_told_to_delete(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(remote, pkg__foreign="x", pkg__deep__er__foreign="y", swap__foreign="z")
    for name in ("pkg", "swap"):
        (local / name).write_text("file")

    changes = [*present(local, "pkg", "swap"), *gone("pkg/foreign.py", "pkg/deep")]
    applied = agent.apply(local, changes, replica=True)

    assert codes(applied) == {"swap": "not-empty"}
    assert (remote / "pkg").read_text() == "file"
    assert (remote / "swap/foreign.py").read_text() == "z"


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
