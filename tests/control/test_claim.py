import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.control import Claim, find
from syncd.control.claim import running, until_gone
from syncd.control.place import LONGEST, record_of, socket_of
from syncd.errors import ConfigError, Halted


HOLD = """
import sys, socket
from pathlib import Path
from syncd.control import Claim
with Claim(Path(sys.argv[1]), ("deployment/web",)) as claim:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(claim.socket))
    listening.listen()
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that watches `project`, until it is killed or the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, project],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.stdin.close()


def test_a_second_claim_says_where_the_first_is_and_since_when(project: Path) -> None:
    with holding(project) as first:
        with pytest.raises(Halted) as caught, Claim(project, ()):
            pass

        said = str(caught.value)
        assert f"syncd watches {project} already: process {first.pid}, since 2" in said


def test_another_project_is_not_in_the_way(project: Path, tmp_path: Path) -> None:
    with holding(project), Claim(tmp_path / "other", ()) as claim:
        assert claim.record.project == str(tmp_path / "other")


def test_a_project_by_another_name_is_the_same(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)

    with holding(project), pytest.raises(Halted), Claim(tmp_path / "link", ()):
        pass


def test_what_was_killed_is_in_nobodys_way(project: Path) -> None:
    with holding(project) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert socket_of(project).is_socket()
    assert find(project) is None

    with Claim(project, ()) as claim:
        assert claim.record.pid == os.getpid()


def test_a_number_that_another_process_has_by_now_is_in_nobodys_way(
    project: Path,
) -> None:
    with holding(project) as first:
        record = json.loads(record_of(project).read_bytes())
        first.send_signal(signal.SIGKILL)
        first.wait()
    # The parent lives, and now has the number that the killed process had.
    record_of(project).write_text(json.dumps({**record, "pid": os.getppid()}))

    with Claim(project, ()) as claim:
        assert claim.record.pid == os.getpid()
    assert find(project) is None


def test_a_socket_that_answers_is_never_replaced(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding(project):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))

        with pytest.raises(Halted), Claim(project, ()):
            pass

        assert socket_of(project).is_socket()


def test_it_is_found_from_the_folder_and_from_within(project: Path) -> None:
    (project / "app").mkdir()

    with holding(project) as first:
        found = [find(project), find(project / "app")]

        assert [record.pid for record in found if record] == [first.pid] * 2
        assert [record.project for record in running()] == [str(project)]
    assert find(project.parent) is None
    assert running() == []


def test_who_leaves_is_waited_for(project: Path) -> None:
    with holding(project) as first:
        record = find(project)
        assert record is not None
        assert not until_gone(record, 0.1)
        first.send_signal(signal.SIGKILL)

        assert until_gone(record, 10)


def test_nobody_else_can_enter_where_the_socket_is(project: Path) -> None:
    loose = socket_of(project).parent
    loose.chmod(0o777)

    with Claim(project, ()) as claim:
        folder, record = claim.socket.parent, record_of(project)

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(record.stat().st_mode) == 0o600


def test_a_path_too_long_for_a_socket_is_passed_over(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 120)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setenv("XDG_STATE_HOME", str(deep))

    path = socket_of(project)

    assert len(os.fsencode(path)) <= LONGEST


def test_a_state_folder_that_cannot_be_written_is_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    with (
        pytest.raises(ConfigError, match="cannot keep its state in") as caught,
        Claim(project, ()),
    ):
        pass

    assert "XDG_STATE_HOME" in caught.value.hint


def test_a_record_that_makes_no_sense_is_nobodys(project: Path) -> None:
    record_of(project).parent.mkdir(parents=True)
    for text in ("", "{", "[]", '{"pid": 1}', "null"):
        record_of(project).write_text(text)

        assert find(project) is None
