"""Which program a command is, and whose code is whose."""

import importlib.util
import json
import sys
import sysconfig
from pathlib import Path

import pytest

from syncd.reloader.program import Places, Unchanged, resolve


PYTHON = sys.executable


@pytest.mark.parametrize(
    ("command", "launch", "module", "target", "args"),
    [
        pytest.param(
            ["-m", "uvicorn", "main:app", "--port", "1"],
            [],
            True,
            "uvicorn",
            ["main:app", "--port", "1"],
            id="module",
        ),
        pytest.param(
            ["main.py", "-m", "x"], [], False, "main.py", ["-m", "x"], id="script"
        ),
        pytest.param(["folder", "x"], [], False, "folder", ["x"], id="folder"),
        pytest.param(
            ["-uB", "-X", "dev", "-Werror", "-W", "ignore", "main.py"],
            ["-uB", "-X", "dev", "-Werror", "-W", "ignore"],
            False,
            "main.py",
            [],
            id="options",
        ),
    ],
)
def test_a_python_command_is_split_into_its_parts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    launch: list[str],
    module: bool,
    target: str,
    args: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.py").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").touch()

    program = resolve([PYTHON, *command])

    assert program.launch == [PYTHON, *launch]
    assert (program.module, program.target, program.args) == (module, target, args)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(f"#!{PYTHON}\n", id="plain"),
        pytest.param("#!/usr/bin/env python3\n", id="env"),
        pytest.param("#!/usr/bin/env -S python3 -u\n", id="env with options"),
        pytest.param(
            f"#!/bin/sh\n'''exec' \"{PYTHON}\" \"$0\" \"$@\"\n' '''\n", id="pip"
        ),
    ],
)
def test_a_script_is_run_by_the_python_of_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    script = tmp_path / "serve"
    script.write_text(head + "print()\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(PYTHON).parent}:/bin:/usr/bin")

    program = resolve(["serve", "--port", "1"])

    assert Path(program.launch[0]).name.startswith("python")
    assert program.target == str(script)
    assert program.args == ["--port", "1"]
    assert not program.module


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param(["no-such-command"], "not on the PATH", id="missing"),
        pytest.param(["sh", "-c", "true"], "not a Python program", id="shell"),
        pytest.param([PYTHON], "conversation", id="interactive"),
        pytest.param([PYTHON, "-c", "pass"], "neither", id="code"),
        pytest.param([PYTHON, "missing.py"], "neither", id="missing script"),
    ],
)
def test_what_is_not_a_python_program_is_left_alone(
    command: list[str], reason: str
) -> None:
    with pytest.raises(Unchanged, match=reason):
        resolve(command)


def test_the_longest_prefix_tells_whose_code_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "app"
    site = root / ".venv" / "lib" / "site-packages"
    target = tmp_path / "target"
    for folder in (site / "mine", target / "six-1.dist-info"):
        folder.mkdir(parents=True)
    (site / "linked").symlink_to(root)
    monkeypatch.setattr(sys, "path", [str(root), str(site), str(target)])

    places = Places([str(root), str(site / "mine")])

    assert places.third_party(json.__file__)
    assert places.third_party(str(site / "flask" / "app.py"))
    assert places.third_party(str(target / "six.py"))
    assert not places.third_party(str(root / "main.py"))
    assert not places.third_party(str(site / "mine" / "main.py"))
    assert not places.third_party(str(site / "linked" / "main.py"))
    assert not places.third_party("/elsewhere/main.py")


def test_a_module_may_be_warm_if_no_part_of_it_is_the_developers(
    tmp_path: Path,
) -> None:
    places = Places([str(tmp_path)])
    site = sysconfig.get_paths()["purelib"]
    for name in ("sys", "json", "importlib._bootstrap"):
        assert places.may_be_warm(importlib.util.find_spec(name))

    space = importlib.machinery.ModuleSpec("space", None, is_package=True)
    space.submodule_search_locations = [f"{site}/space"]
    assert places.may_be_warm(space)
    space.submodule_search_locations.append(str(tmp_path / "space"))
    assert not places.may_be_warm(space)
