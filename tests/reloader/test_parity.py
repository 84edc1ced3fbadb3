"""After any edits, the reloader answers what a cold start would answer."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.examples import examples
from tests.reloader.running import PATIENCE_S, SCRIPT, UVICORN, Running, fetch, start
from tests.reloader.sources import Source, alone, served


FIELDS: dict[str, st.SearchStrategy[object]] = {
    "number": st.integers(1, 3),
    "broken": st.sampled_from(["", "", "", "syntax", "raise", "import"]),
    "cycle": st.booleans(),
    "package": st.booleans(),
    "extra": st.sampled_from(["none", "there", "there", "gone"]),
    "thread": st.booleans(),
    "data": st.sampled_from(["data", "other", "third"]),
    "startup": st.sampled_from(["fine", "fine", "slow", "raises", "failed"]),
    "note": st.sampled_from(["", "a note"]),
    "texts": st.frozensets(st.sampled_from(["a", "b"])),
    "style": st.integers(1, 2),
}
# Of all at once, or of one thing, as a wrong verdict on that is not hidden by another.
EDITS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(FIELDS),
    *(st.fixed_dictionaries({name: values}) for name, values in FIELDS.items()),
)
# These cost a new warm process, and come one at a time.
DEPENDENCIES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"library": 2}, {"shadow": True}, {"environ": "debug"}, {}]
)


@dataclass(frozen=True)
class Served:
    """A reloader that runs a program, and how that is made and started."""

    running: Running
    command: tuple[str, ...]
    make: Callable[[str], str]


WAYS = {
    "alone": (SCRIPT, alone),
    "uvicorn": ((*UVICORN, "--lifespan", "on"), served),
}


@pytest.fixture(scope="module", params=WAYS)
def program(
    request: pytest.FixtureRequest,
    reloader: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    command, make = WAYS[request.param]
    root = tmp_path_factory.mktemp("parity")
    write(root, Source().files(make))
    environ = {"PYTHONPATH": str(root / "deps")}
    with start(reloader, root / "project", command, environ=environ) as running:
        yield Served(running.serves().warm(), command, make)


def write(root: Path, files: Mapping[str, str]) -> list[Path]:
    """Make `root` hold just `files`, and return what was changed for that."""
    changed = []
    old = {
        str(path.relative_to(root)): path
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name in old.keys() - files.keys() - {"control.sock"}:
        old[name].unlink()
        changed.append(old[name])
        leave_no_empty_folder(old[name].parent)
    for name, text in files.items():
        path = root / name
        if name not in old or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            # Python trusts whole seconds and the size: an installer, as syncd's agent,
            # leaves no byte-code of what it replaces.
            for old_code in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
                old_code.unlink()
            changed.append(path)
    return changed


def leave_no_empty_folder(folder: Path) -> None:
    if {path.name for path in folder.iterdir()} <= {"__pycache__"}:
        for path in folder.rglob("*.pyc"):
            path.unlink()
        for path in [*folder.iterdir(), folder]:
            path.rmdir()


def cold_start(program: Served) -> str | None:
    """Return what the same command answers when it is started afresh."""
    folder = program.running.folder
    root, cache = folder.parent, folder.parent.with_name("byte-code")
    shutil.rmtree(cache.joinpath(*root.parts[1:]), ignore_errors=True)  # but the rest
    environ = {
        **os.environ,
        "PYTHONPATH": str(root / "deps"),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(cache),
    }
    with subprocess.Popen(
        program.command,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = (re.search(r"(?:^port |127.0.0.1:)(\d+)", x) for x in process.stdout)
        port = next(filter(None, found), None)
        if port is None:
            process.wait(PATIENCE_S)
            return None
        with fetch(int(port[1])) as response:
            answer = response.read().decode()
        process.kill()
        return answer


def check(program: Served, source: Source, last: str) -> str:
    """Edit, compare with a cold start, and return what is served now."""
    running = program.running
    running.learned()
    changed = write(running.folder.parent, source.files(program.make))
    outcome = running.batch(*changed)
    expected = cold_start(program)

    assert outcome["op"] in (["failed"] if expected is None else ["serving", "kept"])
    answer = running.get()
    assert answer == (last if expected is None else expected)
    return answer


bounded = settings(
    max_examples=examples(2),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@bounded
@given(st.lists(EDITS, min_size=2, max_size=3))
def test_any_edits_of_the_program_are_answered_as_after_a_cold_start(
    program: Served, edits: list[dict[str, Any]]
) -> None:
    source, last = Source(), program.running.get()
    for edit in edits:
        source = replace(source, **edit)
        last = check(program, source, last)


@bounded
@given(st.lists(st.tuples(DEPENDENCIES, EDITS), min_size=1, max_size=2))
def test_changed_dependencies_are_answered_as_after_a_cold_start(
    program: Served, edits: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    source, last = Source(), program.running.get()
    for dependency, edit in edits:
        source = replace(source, library=1, shadow=False, environ="")
        source = replace(source, **dependency, **edit)
        last = check(program, source, last)
