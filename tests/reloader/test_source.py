"""The one file that runs where the program runs."""

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import syncd.reloader
from syncd.reloader import MODULES, joined, source


def test_the_one_file_needs_nothing_but_the_standard_library() -> None:
    names = set()
    for node in [*ast.walk(ast.parse(joined())), *ast.walk(ast.parse(source()))]:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])

    assert names - {"__future__"} <= sys.stdlib_module_names


def test_the_one_file_runs_on_python_3_8(reloader: Path, tmp_path: Path) -> None:
    (tmp_path / "joined.py").write_text(joined())
    vermin = Path(sys.executable).with_name("vermin")
    subprocess.run(
        [vermin, "-q", "-t=3.8-", "--no-tips", tmp_path / "joined.py", reloader],
        check=True,
        capture_output=True,
    )
    ast.parse(joined(), feature_version=(3, 8))


def test_every_module_is_in_it_and_no_name_twice() -> None:
    folder = Path(syncd.reloader.__file__).parent
    assert {path.stem for path in folder.glob("[!_]*.py")} == set(MODULES)

    names = []
    for node in ast.parse(joined()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [
                target.id for target in node.targets if isinstance(target, ast.Name)
            ]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)

    assert sorted(names) == sorted(set(names))


def test_its_tracebacks_name_its_own_lines() -> None:
    lines = source().splitlines()
    (offset,) = re.findall(r'lines = "\\n" \* (\d+)', source())
    tree = ast.parse("\n" * (int(offset) + 1) + joined())

    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            assert lines[node.lineno - 1].startswith(f"def {node.name}(")


def test_it_is_printed_for_who_wants_to_copy_it() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "syncd.reloader"], check=True, capture_output=True
    )

    assert printed.stdout.decode() == source()


def test_it_says_what_it_can_do(reloader: Path) -> None:
    shown = subprocess.run(
        [sys.executable, reloader, "--help"], check=True, capture_output=True, text=True
    )

    for option in ("--root", "--warm", "--cold", "--drain-s", "--socket", "--explain"):
        assert option in shown.stdout


def test_it_explains_itself_to_who_asks(reloader: Path, tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, reloader, "--explain", "--socket", tmp_path / "none.sock"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert asked.returncode == 1
    assert asked.stdout == "no reloader runs here\n"


def test_one_that_is_killed_while_it_starts_leaves_nothing_behind(
    reloader: Path,
) -> None:
    command = [sys.executable, str(reloader), "--explain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text():
            time.sleep(0.0005)
        process.kill()

        assert process.stdout.read() == b""  # which is held by whoever is left
