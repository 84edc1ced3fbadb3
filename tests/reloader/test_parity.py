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
from tests.reloader.running import (
    PATIENCE_S,
    SCRIPT,
    UVICORN,
    Running,
    fetch,
    plain,
    start,
)


# What it reads while it starts, it reads in its lifespan.
SERVED = """\
{text}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        if start() == "failed":
            await send({{"type": "lifespan.startup.failed", "message": "no luck"}})
            return
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    body = str(ANSWER).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""


def served(text: str) -> str:
    """Return a program for uvicorn that answers all with the `ANSWER` of `text`."""
    return SERVED.format(text=text)


def alone(text: str) -> str:
    """Return a script that answers all with the `ANSWER` of `text`."""
    return plain(f"{text}\nstart()")


@dataclass(frozen=True)
class Source:
    """A small program of several modules, in one of its many states."""

    number: int = 1
    broken: str = ""
    cycle: bool = False
    package: bool = False
    extra: str = "none"
    thread: bool = False
    data: str = "data"
    startup: str = "fine"
    note: str = ""
    texts: frozenset[str] = frozenset()
    style: int = 0
    library: int = 1
    shadow: bool = False
    environ: str = ""

    def files(self, make: Callable[[str], str]) -> dict[str, str]:
        """Return the text of each file, by its path; `make` makes a program of code."""
        cycle = "import alpha" if self.cycle else ""
        extra = "" if self.extra == "none" else "import extra"
        setting = f"os.environ['LEVEL'] = {self.environ!r}" if self.environ else ""
        thread = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
        main = f"""
import glob, os, threading
{setting}
import alpha, beta, library, tool
from part import leaf
{extra}
{thread if self.thread else ""}
with open("data.txt") as file:
    DATA = file.read()
alpha.STATE.append(beta.value())

def start():
    global ANSWER
    with open("startup.txt") as file:
        how = file.read()
    if how == "raises":
        raise RuntimeError("no luck")
    try:
        with open("note.txt") as file:
            note = file.read()
    except OSError:
        note = ""
    ANSWER = repr([
        alpha.Thing().name, alpha.STATE, beta.value(), leaf.NAME, DATA, library.NAME,
        library.LEVEL, tool.NAME, sorted(glob.glob("texts/*")), note, how,
        threading.active_count() - threading.main_thread().daemon,
    ])
    return how
"""
        found = {
            "project/main.py": make(main),
            "project/alpha.py": f"import beta\nSTATE = [{self.number}]\n"
            f"class Thing:\n    name = 'thing {self.number}'\n{self._flaw()}\n",
            "project/beta.py": f"{cycle}\ndef value():\n    return {self.number * 2}\n",
            "project/data.txt": self.data,
            "project/startup.txt": self.startup,
            "project/style.css": str(self.style),
            "deps/library.py": f"import os\nNAME = 'library {self.library:{9}}'\n"
            "LEVEL = os.environ.get('LEVEL')\n",
            "deps/tool.py": "NAME = 'installed'\n",
            "deps/all-1.dist-info/RECORD": "",
        }
        if self.note:
            found["project/note.txt"] = self.note
        for name in self.texts:
            found[f"project/texts/{name}"] = ""
        if self.package:
            found["project/part/__init__.py"] = ""
            found["project/part/leaf.py"] = f"NAME = 'package {self.number}'\n"
        else:
            found["project/part.py"] = (
                f"class leaf:\n    NAME = 'module {self.number}'\n"
            )
        if self.extra == "there":
            found["project/extra.py"] = f"NUMBER = {self.number}\n"
        if self.shadow:
            found["project/tool.py"] = "NAME = 'mine'\n"
        return found

    def _flaw(self) -> str:
        flaws = {"syntax": "x = = 1", "raise": "raise ValueError('no')"}
        flaws["import"] = "import nowhere"
        return flaws.get(self.broken, "")


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
    while not running.status()["learned"]:
        pass
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
