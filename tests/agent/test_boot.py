import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import syncd.agent
from syncd.agent import MODULES, TOO_OLD, boot
from tests.agent_driver import AgentProcess, tree_at, written


SOURCES = sorted(
    path
    for path in Path(syncd.agent.__file__).parent.glob("*.py")
    if path.name != "__init__.py"
)
VERSIONS = [f"3.{minor}" for minor in range(8, 16)]


def interpreter(version: str) -> str:
    """Return a Python of that version on the path, or where pyenv keeps it."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    kept = sorted(str(p) for p in pyenv.glob(f"{version}.*/bin/python3"))
    on_path = shutil.which(f"python{version}")
    for python in [*kept, *([on_path] if on_path else [])]:
        with contextlib.suppress(PermissionError):
            ran = subprocess.run([python, "-c", ""], capture_output=True, check=False)
            if ran.returncode == 0:  # a pyenv shim may stand for nothing
                return python
    pytest.skip(f"no Python {version} here")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_agent_works_under(version: str, local: Path, remote: Path) -> None:
    written(local, a="1", pkg__b="2")
    with AgentProcess(remote, interpreter=interpreter(version)) as agent:
        assert agent.hello["python"].startswith(version + ".")
        applied = agent.level(local, remote, compress=True)
        ran = agent.ask({"op": "run", "id": 1, "argv": ["echo", "hi"], "timeout_s": 9})

    assert applied["files"] == 2
    assert (remote / "pkg/b.py").read_text() == "2"
    assert ran["output_tail"] == "hi\n"


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_an_older_python_is_told_apart(version: str) -> None:
    argv, payload = boot(interpreter(version))

    ran = subprocess.run(argv, input=payload, capture_output=True, check=False)

    assert ran.returncode in TOO_OLD
    assert ran.stdout == b""


def test_a_stream_that_ends_while_the_agent_is_handed_over_ends_it() -> None:
    argv, payload = boot(sys.executable)

    ran = subprocess.run(argv, input=payload[:-1], capture_output=True, check=False)

    assert ran.returncode == 92


def test_every_module_is_handed_over() -> None:
    assert {path.stem for path in SOURCES} == set(MODULES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_syntax_is_that_of_python_3_8(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))


def test_nothing_newer_than_python_3_8_is_used() -> None:
    found = subprocess.run(
        [
            Path(sys.executable).with_name("vermin"),
            "--target=3.8-",
            "--no-tips",
            "--violations",
            *SOURCES,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    imports = list(ast.walk(ast.parse(path.read_text())))
    names = {
        alias.name for n in imports if isinstance(n, ast.Import) for alias in n.names
    }
    names |= {n.module or "" for n in imports if isinstance(n, ast.ImportFrom)}

    foreign = {
        name
        for name in names
        if name.split(".")[0] not in sys.stdlib_module_names
        and not re.fullmatch("syncd.agent.({})".format("|".join(MODULES)), name)
    }

    assert not foreign


def test_it_is_written_nowhere(local: Path, remote: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    env = {"HOME": str(home), "TMPDIR": str(home), "PATH": os.environ["PATH"]}
    written(local, a="1")

    with AgentProcess(remote, env=env) as agent:
        agent.level(local, remote)
        maps = Path(f"/proc/{agent.process.pid}/maps").read_text()

    assert list(home.iterdir()) == []
    assert [path.name for path in remote.iterdir()] == ["a.py"]
    assert "site-packages" not in maps


def test_stray_output_cannot_reach_the_stream(agent: AgentProcess) -> None:
    folder = Path(f"/proc/{agent.process.pid}/fd")

    assert (folder / "1").readlink() == (folder / "2").readlink()


def test_a_closed_stderr_is_survived(remote: Path) -> None:
    prefix = ["sh", "-c", 'exec "$@" 2>&-', "sh"]

    with AgentProcess(remote, prefix=prefix) as agent:
        assert agent.ask({"op": "ping", "id": 5})["id"] == 5


def test_names_are_bytes_in_any_locale(local: Path, remote: Path) -> None:
    (local / "é\udcff").write_text("x")

    for locale in ("C", "POSIX", "C.UTF-8"):
        env = {"LC_ALL": locale, "PATH": os.environ["PATH"]}
        with AgentProcess(remote, env=env) as agent:
            agent.level(local, remote)
            assert list(agent.listing("")) == [
                "é\udcff".encode(errors="surrogateescape")
            ]


def test_names_are_bytes_where_the_locale_has_another_charset(
    local: Path, remote: Path, tmp_path: Path
) -> None:
    locale = tmp_path / "xx.ISO-8859-1"
    try:
        made = ["localedef", "-f", "ISO-8859-1", "-i", "en_US", str(locale)]
        subprocess.run(made, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no locale of another charset can be made here")
    (local / "é\udcff").write_text("x")

    with AgentProcess(
        remote, env={"LC_ALL": locale.name, "LOCPATH": str(tmp_path)}
    ) as agent:
        agent.level(local, remote)

    assert tree_at(remote) == tree_at(local)
