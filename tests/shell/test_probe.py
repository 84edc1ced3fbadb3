"""Who is there, and what can be asked of it."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from syncd.shell import (
    Batch,
    Landed,
    parse_ack,
    parse_probe,
    probe_command,
    run_command,
    signal_command,
)
from tests.agent_driver import everything, written
from tests.shell.shells import Shell


# --- who is there ------------------------------------------------------------------


def test_a_probe_says_who_and_what_is_there(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    roots = [str(tmp_path), str(tmp_path / "file"), "/nowhere", "/dev/null"]
    probe = parse_probe(shell.answer(probe_command(roots)))

    assert probe.uid == os.geteuid()
    assert probe.user
    assert abs(probe.time_s - time.time()) < 10
    assert "tar" in probe.tar
    assert probe.missing == ()
    assert probe.knows_contents
    assert [root.kind for root in probe.roots] == ["d", "f", "", "o"]
    assert [root.writable for root in probe.roots[:3]] == [True, True, False]
    assert len(probe.limits) == 7


def test_missing_tools_are_named(tmp_path: Path) -> None:
    for tool in ("sh", "head", "id", "tar"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/false")

    probe = parse_probe(Shell(str(tmp_path)).answer(probe_command([])))

    assert probe.missing == ("find", "mkdir", "mv", "rm", "rmdir", "tr", "wc", "xargs")
    assert not probe.knows_contents
    assert probe.limits[-1].startswith("without readlink, sha256sum, stat everything")


# --- hooks -------------------------------------------------------------------------


def test_a_command_runs_in_its_folder(shell: Shell, remote: Path) -> None:
    script = 'pwd; echo "$1"; exit 3'
    argv = run_command(["sh", "-c", script, "sh", "a b"], str(remote), 60)

    with shell.start(argv) as process:
        out, _ = process.communicate()

    assert out.decode() == f"{remote}\na b\n"
    assert process.returncode == 3


def test_a_command_is_killed_after_its_time(shell: Shell, remote: Path) -> None:
    with shell.start(run_command(["sleep", "60"], str(remote), 0)) as process:
        assert process.wait(20) in {-signal.SIGKILL, 128 + signal.SIGKILL}


def test_a_signal_reaches_the_process_that_matches(shell: Shell) -> None:
    seconds = f"71.{os.getpid()}"  # unlike any other run's
    with subprocess.Popen(["sleep", seconds]) as wanted:
        told = shell.answer(signal_command(f"sleep {seconds}", "SIGTERM"))

        assert told.decode() == f"SIGTERM sent to {wanted.pid}\n"
        assert wanted.wait(10) == -15


def test_no_match_is_said(shell: Shell) -> None:
    with shell.start(signal_command("no such process 8812", "HUP")) as process:
        out, _ = process.communicate()

    assert out == b"no process matches\n"
    assert process.returncode == 1


def test_a_probe_ends_the_batches_of_its_session_and_no_others(
    shell: Shell, local: Path, remote: Path
) -> None:
    written(local, a="new")
    with (
        Batch(local, everything(local)) as batch,
        shell.start(batch.command(str(remote), 1, "1")) as mine,
        shell.start(batch.command(str(remote), 2, "11")) as other,
    ):
        deadline = time.monotonic() + 20
        while len(list(remote.glob(".syncd-sh-*"))) < 2:
            assert time.monotonic() < deadline

        shell.answer(probe_command([str(remote)], "1"))

        assert mine.wait(20) == -signal.SIGKILL
        assert len(list(remote.glob(".syncd-sh-*"))) == 1
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"".join(batch.pieces()))
        other.stdin.flush()
        assert parse_ack(other.stdout.read(), 2) == Landed(files=1)


def test_a_batch_for_a_container_that_is_no_more_is_refused_whole(
    shell: Shell, local: Path, remote: Path
) -> None:
    written(local, a="new")
    me = parse_probe(shell.answer(probe_command([]))).container
    answers = {}
    for container in (me, "1-1"):
        with Batch(local, everything(local)) as batch:
            answers[container] = parse_ack(
                shell.answer(
                    batch.command(str(remote), 1, "", container),
                    b"".join(batch.pieces()),
                ),
                1,
            )

    assert me
    assert answers == {me: Landed(files=1), "1-1": Landed(refused="elsewhere")}
