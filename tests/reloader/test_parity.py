"""After any edits, the reloader answers what a cold start would answer."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.examples import examples
from tests.reloader.running import PATIENCE_S, SCRIPT, Running, fetch, plain, start


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
    library: int = 1
    shadow: bool = False
    environ: str = ""

    def files(self) -> dict[str, str]:
        """Return the text of each file, by its path."""
        cycle = "import alpha" if self.cycle else ""
        extra = "" if self.extra == "none" else "import extra"
        setting = f"os.environ['LEVEL'] = {self.environ!r}" if self.environ else ""
        thread = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
        main = f"""
import os, threading
{setting}
import alpha, beta, library, tool
from part import leaf
{extra}
{thread if self.thread else ""}
with open("data.txt") as file:
    DATA = file.read()
alpha.STATE.append(beta.value())
ANSWER = repr([
    alpha.Thing().name, alpha.STATE, beta.value(), leaf.NAME, DATA, library.NAME,
    library.LEVEL, tool.NAME, threading.active_count() - threading.main_thread().daemon,
])
"""
        found = {
            "project/main.py": plain(main),
            "project/alpha.py": f"import beta\nSTATE = [{self.number}]\n"
            f"class Thing:\n    name = 'thing {self.number}'\n{self._flaw()}\n",
            "project/beta.py": f"{cycle}\ndef value():\n    return {self.number * 2}\n",
            "project/data.txt": self.data,
            "deps/library.py": f"import os\nNAME = 'library {self.library:{9}}'\n"
            "LEVEL = os.environ.get('LEVEL')\n",
            "deps/tool.py": "NAME = 'installed'\n",
            "deps/all-1.dist-info/RECORD": "",
        }
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


SOURCES = st.builds(
    Source,
    number=st.integers(1, 3),
    broken=st.sampled_from(["", "", "", "syntax", "raise", "import"]),
    cycle=st.booleans(),
    package=st.booleans(),
    extra=st.sampled_from(["none", "there", "there", "gone"]),
    thread=st.booleans(),
    data=st.sampled_from(["data", "other", "third"]),
)
# These cost a new warm process, and come one at a time.
DEPENDENCIES = st.sampled_from(
    [
        Source(library=2),
        Source(shadow=True),
        Source(environ="debug"),
        Source(number=2),
        Source(),
    ]
)


@pytest.fixture(scope="module")
def running(
    reloader: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("parity")
    write(root, Source().files())
    environ = {"PYTHONPATH": str(root / "deps")}
    with start(reloader, root / "project", SCRIPT, environ=environ) as running:
        yield running.serves().warm()


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


def cold_start(running: Running) -> str | None:
    """Return what the same command answers when it is started afresh."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(running.folder.parent / "deps"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPYCACHEPREFIX": "/nowhere",
    }
    with subprocess.Popen(
        SCRIPT,
        cwd=running.folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        if not words:
            process.wait(PATIENCE_S)
            return None
        with fetch(int(words[1])) as response:
            answer = response.read().decode()
        process.kill()
        return answer


def check(running: Running, source: Source, last: str) -> str:
    """Edit, compare with a cold start, and return what is served now."""
    changed = write(running.folder.parent, source.files())
    outcome = running.batch(*changed, force=True)
    expected = cold_start(running)

    assert outcome["op"] == ("failed" if expected is None else "serving")
    answer = running.get()
    assert answer == (last if expected is None else expected)
    return answer


bounded = settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@bounded
@given(st.lists(SOURCES, min_size=2, max_size=4))
def test_any_edits_of_the_program_are_answered_as_after_a_cold_start(
    running: Running, sources: list[Source]
) -> None:
    last = running.get()
    for source in sources:
        last = check(running, source, last)


@bounded
@given(st.lists(st.tuples(DEPENDENCIES, SOURCES), min_size=1, max_size=2))
def test_changed_dependencies_are_answered_as_after_a_cold_start(
    running: Running, edits: list[tuple[Source, Source]]
) -> None:
    last = running.get()
    for dependency, source in edits:
        both = replace(
            source,
            library=dependency.library,
            shadow=dependency.shadow,
            environ=dependency.environ,
        )
        last = check(running, both, last)
