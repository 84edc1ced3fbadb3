"""`syncd bench`, as a person or a pipeline runs it."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner

from syncd.bench import record
from syncd.bench.command import measure
from syncd.cli import cli
from syncd.errors import TargetError
from tests.bench.results import result
from tests.bench.test_bench import ground


def options(*argv: str) -> dict[str, Any]:
    """Return what the command line makes of `argv`."""
    with cli.commands["bench"].make_context("bench", [*argv]) as context:
        return context.params


def written(folder: Path) -> list[str]:
    """Return options that write every report into `folder`."""
    return [f"--{kind}={folder / kind}" for kind in ("json", "html", "markdown")]


async def test_what_is_slower_than_allowed_or_than_before_fails_and_is_reported(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/syncd", "bench", "--marker", "a b"])
    earlier = tmp_path / "earlier.json"
    earlier.write_text(record.dumps(result(syncd=[0.1] * 5)))
    reports = tmp_path / "made" / "reports"
    async with ground(tmp_path) as place:
        limits = ["--fail-over=p50=0.1ms", "--fail-over=applied.p99=60s"]
        said = ["--mode=syncd", "--iterations=5", "--warmup=0", f"--url={place.url}"]
        code = await measure(
            place.settings,
            options(*said, *limits, f"--compare={earlier}", *written(reports)),
        )

    out = capsys.readouterr().out
    assert code == 1
    assert re.search(
        r"^too slow: served p50: \d+ ms, more than 0.1 ms;", out, re.MULTILINE
    )
    assert "too slow: applied" not in out
    assert re.search(r"^syncd p50: .* × what it was .*: slower$", out, re.MULTILINE)  # noqa: RUF001
    found = record.load(reports / "json")
    assert len(found.counted("syncd")) == 5
    assert found.environment["command"] == "syncd bench --marker 'a b'"
    assert found.environment["load after"]
    assert (reports / "html").read_text().startswith("<!DOCTYPE html>")
    assert "| `syncd` | 5 |" in (reports / "markdown").read_text()


async def test_what_was_measured_is_reported_before_what_failed_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = shlex.quote(str(tmp_path / "folder"))
    said = ["--mode=idle=true", "--iterations=1", "--warmup=0", "--timeout=0.3"]
    async with ground(tmp_path) as place:
        with pytest.raises(TargetError, match="is not as it was before"):
            await measure(
                place.settings,
                options(
                    *(*said, f"--url={place.url}", *written(tmp_path)),
                    f"--edit=rm -r {gone}; touch new.py",
                ),
            )

    assert f"wrote {tmp_path / 'json'}" in capsys.readouterr().out
    assert len(record.load(tmp_path / "json").samples) == 1


class Unread(io.StringIO):
    """Standard output whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


async def test_what_was_measured_is_reported_when_it_is_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ground(tmp_path) as place:
        said = ["--mode=syncd", "--iterations=1000", "--warmup=0", f"--url={place.url}"]
        given = options(*said, f"--json={tmp_path / 'json'}")
        out = ""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(measure, place.settings, given)
            with anyio.fail_after(60):
                while "  2 syncd" not in out:
                    await anyio.sleep(0.05)
                    out += capsys.readouterr().out
            tasks.cancel_scope.cancel()

    assert len(record.load(tmp_path / "json").samples) >= 2
    assert f"wrote {tmp_path / 'json'}" in capsys.readouterr().out


async def test_nobody_goes_on_for_a_reader_that_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["--mode=idle=true", "--iterations=1000", "--timeout=0.1"]
    async with ground(tmp_path) as place:
        monkeypatch.setattr("sys.stdout", Unread())
        with anyio.fail_after(30), pytest.raises(BrokenPipeError):
            await measure(place.settings, options(*said, f"--url={place.url}"))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--attach", "--embedded"], "no syncd runs yet on an embedded cluster"),
        (["--mode=a=true", "--mode=a=false"], "a mode is named twice: a, a"),
        (["--edit=true", "--pattern=burst"], "--edit makes the edits, and so does"),
        (["--edit="], "--edit says nothing"),
        (["--fail-over=95=1s"], "is no limit"),
        (["--compare={home}/none.json"], "is no result of syncd bench"),
        (["--compare={home}/old.json", "--pattern=burst"], "cannot be compared"),
        (["--compare={home}/old.json", "--mode=local"], "is not in both results"),
        (["--url=http://web:99999/"], "is not a URL"),
        (["--mode=syncd=true"], "a command cannot be called 'syncd'"),
        (["--file=/etc/hostname"], "is not a path below the folder"),
    ],
)
def test_what_makes_no_sense_ends_with_2_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], said: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    (tmp_path / "main.py").write_text("SAYS = 'hello from myapp'\n")
    (tmp_path / "old.json").write_text(record.dumps(result(syncd=[1.0] * 5)))
    pair = [] if "--embedded" in argv else [str(tmp_path), "pod/web:/app"]

    done = CliRunner().invoke(
        cli, ["bench", *pair, *(word.format(home=tmp_path) for word in argv)]
    )

    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.timeout(120)
def test_the_embedded_cluster_is_measured_with_nothing_else(tmp_path: Path) -> None:
    home = {"HOME": tmp_path, "KUBECONFIG": tmp_path / "none"}
    said = ["--iterations=1", "--warmup=0", *written(tmp_path)]

    done = subprocess.run(
        [sys.executable, "-m", "syncd", "bench", "--embedded", *said],
        env={**os.environ, **{name: str(path) for name, path in home.items()}},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads((tmp_path / "json").read_text())
    assert {sample["mode"]: sample["failed"] for sample in made["samples"]} == {
        "syncd": "",
        "local": "",
    }
    assert "| `local` | 1 |" in (tmp_path / "markdown").read_text()
