import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from syncd import __version__
from syncd.__main__ import main
from syncd.cli import _Commands, cli
from syncd.config import schema
from syncd.control import Claim


DOCS = Path(__file__).parents[1] / "docs"
FILE = '[[target]]\nworkload = "deployment/web"\n{sync}\n'
HEAVY = {"anyio", "asyncio", "kubernetes", "pathspec", "pydantic", "rich"}
SYNC = 'sync = [{ local = "app", remote = "/app", ignore = ["*.md"] }]'


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SYNCD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "app").mkdir(parents=True)
    (folder / "syncd.toml").write_text(FILE.format(sync=SYNC))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def kubeconfig(tmp_path: Path, server: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "there",
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))


def invoke(*argv: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, argv, prog_name="syncd")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "syncd", *argv]


def syncd(*argv: str, **environ: str) -> tuple[int, str, str]:
    """Run the real command in the working folder."""
    done = subprocess.run(
        command(*argv),
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


# --- help and version -----------------------------------------------------------


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.perf_counter()
    code, out, _ = syncd("--help")
    took_s = time.perf_counter() - began

    with capsys.disabled():
        sys.stdout.write(f"\nsyncd --help: {took_s * 1000:.0f} ms\n")
    assert code == 0
    assert [name for name in cli.commands if f"  {name} " not in out] == []


def test_help_does_not_pay_for_what_it_does_not_use() -> None:
    program = (
        "import sys, syncd.cli; print(*{name.split('.')[0] for name in sys.modules})"
    )

    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert HEAVY & set(out.split()) == set()


@pytest.mark.parametrize("name", ["status", "wait", "stop", "dashboard"])
def test_to_hear_that_nobody_runs_costs_no_more_than_help(
    project: Path, name: str
) -> None:
    argv = [sys.executable, "-X", "importtime", *command(name)[1:]]

    said = subprocess.run(argv, capture_output=True, text=True, check=False)

    imported = {line.rpartition("|")[2].strip() for line in said.stderr.splitlines()}
    assert said.returncode == 6
    assert "syncd.control.claim" in imported
    assert imported & {*HEAVY, "syncd.events"} == set()


def test_to_ask_costs_an_event_loop_and_nothing_besides() -> None:
    program = "import sys, syncd.control.client, syncd.ui.standing; print(*sys.modules)"

    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert HEAVY & set(out.split()) <= {"anyio", "asyncio"}


def test_the_version_is_said() -> None:
    assert invoke("--version") == (0, f"syncd {__version__}\n", "")


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_help_and_is_in_the_docs(name: str) -> None:
    code, out, _ = invoke(name, "--help")

    assert code == 0
    assert out.startswith(f"Usage: syncd {name} ")
    assert f"`syncd {name}" in (DOCS / "commands.md").read_text()


def test_every_flag_of_the_settings_is_in_the_docs() -> None:
    page = (DOCS / "configuration.md").read_text() + (DOCS / "commands.md").read_text()

    flags = {
        flag
        for name in ("watch", "sync")
        for parameter in cli.commands[name].params
        if isinstance(parameter, click.Option)
        for flag in parameter.opts
    }
    assert [
        flag for flag in sorted(flags - {"--verbose", "--quiet"}) if flag not in page
    ] == []


# --- what is refused ------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["frobnicate"], id="unknown command"),
        pytest.param(["watch", "--frobnicate"], id="unknown option"),
        pytest.param(["watch", "./app"], id="half of the pair"),
        pytest.param(["watch", "--output", "xml"], id="unknown form"),
        pytest.param(["demo", "--edits", "0"], id="no edits"),
        pytest.param(["wait", "--timeout", "nan"], id="no number"),
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_2(argv: list[str]) -> None:
    code, out, err = invoke(*argv)

    assert code == 2
    assert out == ""
    assert "Error: " in err
    assert "Traceback" not in err


def test_wrong_settings_are_one_message_on_standard_error(project: Path) -> None:
    (project / "syncd.toml").write_text(
        FILE.format(sync=SYNC.replace("remote", "remot"))
    )

    code, out, err = invoke("watch")

    assert code == 2
    assert out == ""
    assert err.splitlines() == [
        "error: the settings are wrong in 2 places",
        (
            "  syncd.toml:3: target[0].sync[0].remote: is missing;"
            ' for example remote = "/app"'
        ),
        (
            "  syncd.toml:3: target[0].sync[0].remot: is not a key that syncd knows;"
            " did you mean remote?"
        ),
    ]


@pytest.mark.parametrize(
    ("argv", "environ"),
    [
        pytest.param(["--output", "json"], {}, id="flag"),
        pytest.param([], {"SYNCD_OUTPUT": "json"}, id="variable"),
    ],
)
def test_in_json_a_refusal_is_an_event(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    environ: dict[str, str],
) -> None:
    (project / "syncd.toml").write_text(FILE.format(sync="sync = []"))

    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    code, out, err = invoke("sync", *argv)

    assert (code, err) == (2, "")
    event = json.loads(out)
    assert event["event"] == "error"
    assert event["message"] == "syncd.toml:3: target[0].sync: is empty"
    assert event["hint"].startswith("for example sync = ")


def test_a_traceback_is_shown_only_when_it_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "syncd.toml").unlink()

    plain = invoke("watch")
    asked = [invoke("watch", "-vv")]
    monkeypatch.setenv("SYNCD_DEBUG", "1")
    asked.append(invoke("watch"))

    assert "Traceback" not in plain[2]
    assert all("Traceback" in err for _, _, err in asked)
    assert all(err.endswith(plain[2]) for _, _, err in asked)


def test_a_working_folder_that_is_gone_is_refused(project: Path) -> None:
    gone = project / "gone"
    gone.mkdir()
    line = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m syncd watch"

    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: the working folder no longer exists\n")


@pytest.mark.parametrize(
    ("server", "argv", "code"),
    [
        pytest.param(None, [], 2, id="no kubeconfig"),
        pytest.param("https://cluster.example", [], 3, id="cluster that is not local"),
        pytest.param(
            "https://127.0.0.1:1", ["--allow-context", "th*"], 5, id="nobody listens"
        ),
        pytest.param(
            "https://127.0.0.1:1", ["--context", "x"], 2, id="unknown context"
        ),
    ],
)
def test_a_cluster_that_cannot_be_used_is_one_message_and_a_code(
    project: Path, tmp_path: Path, server: str | None, argv: list[str], code: int
) -> None:
    if server:
        kubeconfig(tmp_path, server)

    ended, out, err = invoke("sync", *argv)

    assert ended == code
    assert err.startswith("error: ")
    assert "\nhint: " in err
    assert "Traceback" not in err
    assert out.splitlines()[-2:] == ["[syncd] start end failed", "[syncd] stop"]


# --- how it ends ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [
        pytest.param("watch", signal.SIGINT, 0, id="watch, Ctrl-C"),
        pytest.param("watch", signal.SIGTERM, 0, id="watch, SIGTERM"),
        pytest.param("sync", signal.SIGINT, 130, id="sync, Ctrl-C"),
    ],
)
def test_a_signal_ends_it_in_good_order(
    project: Path,
    tmp_path: Path,
    silent_port: int,
    name: str,
    number: signal.Signals,
    code: int,
) -> None:
    kubeconfig(tmp_path, f"https://127.0.0.1:{silent_port}")
    argv = command(name, "--allow-context", "there", "--output", "json")

    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "folder.scanned" in process.stdout.readline()
        process.send_signal(number)
        ended = process.wait(10)

    assert ended == code


def test_a_reader_that_goes_away_ends_it(project: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        command("schema"), stdout=writing, stderr=subprocess.PIPE, check=False
    )

    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""


# --- an environment that lacks something ------------------------------------------


def test_a_standard_output_that_was_closed_is_no_failure(project: Path) -> None:
    line = f"exec {sys.executable} -m syncd sync >&-"

    done = subprocess.run(
        ["sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: no kubeconfig found")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="nothing is full here")
@pytest.mark.parametrize(
    "argv",
    [["sync"], ["sync", "--output", "json"], ["status", "--output", "json"]],
    ids=" ".join,
)
def test_a_standard_output_without_room_is_one_message(
    project: Path, argv: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*argv), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    first, *more = done.stderr.splitlines()
    assert done.returncode in (2, 6)
    assert first.startswith("error: ")
    assert [line for line in more if not line.startswith("hint: ")] == []


def test_where_all_streams_are_closed_it_ends_as_ever(project: Path) -> None:
    line = f"exec {sys.executable} -m syncd explain app/a.md <&- >&- 2>&-"

    assert subprocess.run(["sh", "-c", line], check=False).returncode == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_an_encoding_lacks_is_written_as_an_escape(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    encoding: str,
) -> None:
    kubeconfig(tmp_path, "https://127.0.0.1:1")
    (project / "ж").mkdir()
    pair = ("./ж", "deployment/web:/app", "--allow-context", "there")
    monkeypatch.setattr("sys.argv", ["syncd", "sync", *pair])

    with (tmp_path / "out").open("w", encoding=encoding) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        with pytest.raises(SystemExit) as ended:
            main()

    assert ended.value.code == 5
    assert capsys.readouterr().err.startswith("error: cannot reach the Kubernetes API")
    out = (tmp_path / "out").read_text(encoding)
    assert f"[syncd] info {project}/\\u0436: 0 files in 0 folders" in out


def test_that_holds_for_what_commands_print_themselves(project: Path) -> None:
    code, out, err = syncd("explain", "app/ж.py", PYTHONIOENCODING="latin-1")

    assert (code, err) == (0, "")
    assert out.splitlines()[1] == "  \\u2192 deployment/web:/app/\\u0436.py"


HOMELESS = """
import os, pwd, sys
del os.environ["HOME"]
def nobody(user):
    raise KeyError(user)
pwd.getpwuid = nobody
sys.argv = ["syncd", "sync", "--allow-context", "there"]
from syncd.__main__ import main
main()
"""


def test_a_user_without_a_home_can_use_it_and_finds_no_folder_called_tilde(
    project: Path, tmp_path: Path
) -> None:
    kubeconfig(tmp_path, "https://127.0.0.1:1")

    done = subprocess.run(
        [sys.executable, "-c", HOMELESS], capture_output=True, text=True, check=False
    )

    assert done.returncode == 5
    assert done.stderr.startswith("error: cannot reach the Kubernetes API at")
    assert sorted(path.name for path in project.iterdir()) == ["app", "syncd.toml"]


def failing(error: BaseException) -> click.Group:
    @click.group(cls=_Commands)
    def group() -> None:
        pass

    @group.command()
    def fail() -> None:
        raise error

    return group


def test_what_nobody_foresaw_ends_with_1_and_a_log(tmp_path: Path) -> None:
    result = CliRunner().invoke(failing(KeyError("x")), ["fail"])

    (log,) = (tmp_path / "state" / "syncd").iterdir()
    assert result.exit_code == 1
    assert f"hint: the traceback is in {log}" in result.stderr
    assert "Traceback" not in result.stderr
    assert "KeyError" in log.read_text()


def test_ctrl_c_before_anything_runs_ends_with_130() -> None:
    result = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail"])

    assert result.exit_code == 130
    assert result.output == ""


# --- the small commands -----------------------------------------------------------


def test_the_schema_is_printed() -> None:
    assert invoke("schema") == (0, schema(), "")


def test_the_page_on_events_is_printed() -> None:
    assert invoke("schema", "--events") == (0, (DOCS / "events.md").read_text(), "")


def test_settings_are_checked_without_a_cluster(project: Path) -> None:
    other = project / "other.toml"
    other.write_text(FILE.format(sync=SYNC) + "[watch]\nquiet_ms = 0")

    fine = invoke("schema", "--check")
    wrong = invoke("schema", "--check", "other.toml")

    assert fine == (0, f"{project / 'syncd.toml'}: 1 target, nothing wrong\n", "")
    assert wrong[0] == 2
    assert wrong[2].startswith("error: other.toml:5: watch.quiet_ms: is 0\n")


@pytest.mark.parametrize(
    ("path", "code", "line"),
    [
        pytest.param("app/main.py", 0, "  → deployment/web:/app/main.py", id="synced"),
        pytest.param(
            "app/a.md",
            1,
            "  deployment/web: not synced: *.md,"
            " syncd.toml:3: target[0].sync[0].ignore[0]",
            id="ignored",
        ),
    ],
)
def test_a_path_is_explained(project: Path, path: str, code: int, line: str) -> None:
    ended, out, err = invoke("explain", path)

    assert (ended, err) == (code, "")
    assert out.splitlines()[1] == line


def test_the_two_arguments_need_no_file(project: Path) -> None:
    (project / "syncd.toml").unlink()

    code, _, err = invoke("sync", "./app", "deployment/web:/app", "-n", "a")

    assert code == 2
    assert err.startswith("error: no kubeconfig found")


# --- a syncd that runs ----------------------------------------------------------


@pytest.mark.parametrize("name", ["status", "wait", "stop", "dashboard"])
def test_without_a_running_syncd_there_is_nobody_to_ask(
    project: Path, name: str
) -> None:
    code, out, err = invoke(name)

    assert (code, out) == (6, "")
    assert f"no syncd watches {project} or a folder above it" in err
    assert "syncd watch" in err


def test_a_running_syncd_is_asked_refuses_a_second_and_stops(
    project: Path, tmp_path: Path, silent_port: int
) -> None:
    kubeconfig(tmp_path, f"http://127.0.0.1:{silent_port}")
    watch = command("watch", "--allow-context", "there")
    with subprocess.Popen(watch, stdout=subprocess.PIPE) as first:
        status = until_it_answers()
        code, out, _ = invoke("status", "--project", str(project / "app"))
        second, _, refusal = invoke("watch")
        late, _, overdue = invoke("wait", "--timeout", "0.2")
        stopped, said, _ = invoke("stop")
        ended = first.wait(10)

    assert status["pid"] == first.pid
    assert status["project"] == str(project)
    assert code == 1
    assert f"process {first.pid}, since" in out
    assert second == 3
    assert f"syncd watches {project} already: process {first.pid}, since" in refusal
    assert late == 7
    assert "not all was applied within 0.2 s: " in overdue
    assert (stopped, said) == (0, f"process {first.pid} has ended\n")
    assert ended == 0


def test_the_dashboard_tells_its_link_and_serves_until_ctrl_c(project: Path) -> None:
    show = command("dashboard", "--output", "json")
    with Claim(project, ()) as claim, socket.socket(socket.AF_UNIX) as syncd_that_runs:
        syncd_that_runs.bind(str(claim.socket))
        syncd_that_runs.listen()
        with subprocess.Popen(show, stdout=subprocess.PIPE) as showing:
            assert showing.stdout is not None
            link = json.loads(showing.stdout.readline())["url"]
            with urllib.request.urlopen(link, timeout=10) as answer:
                page = answer.read()
            showing.send_signal(signal.SIGINT)
            ended = showing.wait(10)

    assert page.startswith(b"<!DOCTYPE html>")
    assert ended == 0


def until_it_answers() -> dict[str, object]:
    """Return the status of a syncd that is being started."""
    deadline = time.monotonic() + 30
    while True:
        _, out, _ = invoke("status", "--output", "json")
        said: dict[str, object] = json.loads(out)
        if "phase" in said:
            return said
        assert time.monotonic() < deadline, said
        time.sleep(0.02)


# --- a beginning ----------------------------------------------------------------


def test_init_touches_no_settings_that_are_there(project: Path) -> None:
    before = (project / "syncd.toml").read_bytes()

    code, _, err = invoke("init")

    assert code == 2
    assert f"{project}/syncd.toml is there already" in err
    assert (project / "syncd.toml").read_bytes() == before


def test_init_touches_no_pyproject_with_settings(project: Path) -> None:
    (project / "syncd.toml").rename(project / "old.toml")
    (project / "pyproject.toml").write_text(
        '[[tool.syncd.target]]\nworkload = "deployment/web"\n'
    )

    code, _, err = invoke("init")

    assert code == 2
    assert "pyproject.toml is there already" in err
    assert not (project / "syncd.toml").exists()


def test_doctor_without_settings_says_so_and_fails(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code, out, err = invoke("doctor", "--output", "json")

    (found,) = json.loads(out)["findings"]
    assert (code, err) == (1, "")
    assert (found["check"], found["verdict"]) == ("settings", "failed")
    assert "no syncd.toml" in found["said"]
