"""What a program reads when it starts is as good a reason to reload as its code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reloader.running import SCRIPT, Running, plain, start


@pytest.fixture
def running(reloader: Path, folder: Path) -> Iterator[Running]:
    (folder / "main.py").write_text(plain("ANSWER = 'none'"))
    with start(reloader, folder, SCRIPT) as running:
        yield running.serves()


def runs(running: Running, program: str) -> None:
    """Have the program be this, and wait until it is known what it has read."""
    assert running.edit("main.py", plain(program))["op"] == "serving"
    running.learned()


def test_a_new_file_is_a_reason_where_the_program_lists_the_folder(
    running: Running,
) -> None:
    running.write("texts/a.txt", "")
    runs(
        running,
        "import glob, importlib.metadata\nANSWER = len(glob.glob('texts/*'))\n"
        "list(importlib.metadata.distributions())",  # which lists the folder itself
    )

    assert running.batch(running.write("style.css", ""))["op"] == "kept"
    assert running.batch(running.write("texts/a.txt", "other"))["op"] == "kept"
    assert running.batch(running.write("texts/b.txt", ""))["op"] == "serving"
    assert running.get() == "2"


def test_a_file_that_was_looked_for_in_vain_is_a_reason(running: Running) -> None:
    runs(
        running,
        "try:\n    ANSWER = open('local.ini').read()\nexcept OSError:\n    ANSWER = ''",
    )

    assert running.batch(running.write("local.ini", "mine"))["op"] == "serving"
    assert running.get() == "mine"


def test_a_file_that_only_code_which_failed_has_read_is_a_reason(
    running: Running,
) -> None:
    running.write("numbers.json", "[")
    program = plain("import json\nANSWER = json.load(open('numbers.json'))")
    running.learned()
    assert running.edit("main.py", program)["op"] == "failed"

    mended = running.write("numbers.json", "[1]")

    assert running.batch(mended)["op"] == "serving"
    assert running.get() == "[1]"


def test_a_file_that_a_first_start_which_failed_has_read_is_noticed(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = int(open('number').read())"))
    (folder / "number").touch()
    with start(reloader, folder, SCRIPT, options=["--stay"]) as running:
        running.log.wait_for("waiting for the next edit")

        running.write("number", "42")

        assert running.serves().get() == "42"


WAITING = """
import os, time
ANSWER = open("data").read()
print("has read it", flush=True)
while not os.path.exists("go on"):
    time.sleep(0.001)
"""


def test_an_edit_of_what_was_read_before_the_program_served_is_noticed(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain(WAITING))
    (folder / "data").write_text("one")
    with start(reloader, folder, SCRIPT) as running:
        running.log.wait_for("has read it")
        running.write("data", "two")
        running.write("go on", "")
        running.serves()

        running.log.wait_for("data changed")
        assert running.serves().get() == "two"


def test_code_behind_a_link_is_noticed(reloader: Path, folder: Path) -> None:
    library = folder.parent / "library"
    library.mkdir()
    (library / "__init__.py").write_text("NAME = 'one'")
    (folder / "library").symlink_to(library)
    (folder / "main.py").write_text(plain("from library import NAME as ANSWER"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        running.learned()

        (library / "__init__.py").write_text("NAME = 'other'")

        assert running.serves().get() == "other"


COUNTS = """
import json, os
COUNT = json.load(open("count.json"))
{write}
ANSWER = {answer}
"""
WRITES = {
    "in place": "with open('count.json', 'w') as file:\n    json.dump(COUNT + 1, file)",
    "anew": "with open('count.new', 'w') as file:\n    json.dump(COUNT + 1, file)\n"
    "os.replace('count.new', 'count.json')",
    "code": "with open('made.py', 'w') as file:\n    file.write(f'COUNT = {COUNT}')\n"
    "import made",
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_a_program_writes_while_it_starts_does_not_reload_it(
    reloader: Path, folder: Path, write: str
) -> None:
    (folder / "count.json").write_text("0")
    (folder / "main.py").write_text(plain(COUNTS.format(write=write, answer=0)))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        for answer in (1, 2, 3):
            running.learned()
            text = plain(COUNTS.format(write=write, answer=answer))
            running.write("main.py", text)
            running.serves()
            assert running.get() == str(answer)

        assert running.status()["generation"] == 4


def test_what_a_program_writes_when_it_is_asked_does_not_reload_it(
    reloader: Path, folder: Path
) -> None:
    asked = "class Count:\n    def __str__(self):\n        {}\n        return '{}'\n"
    asked += "open('count').close()\nANSWER = Count()"
    write = "with open('count', 'a') as file: file.write('.')"
    (folder / "count").touch()
    (folder / "main.py").write_text(plain(asked.format(write, 1)))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        running.learned()
        for _ in range(3):
            assert running.get() == "1"
        running.write("main.py", plain(asked.format(write, 2)))
        running.serves()

        assert running.get() == "2"
    assert (folder / "count").read_text() == "...."
    assert not [line for line in running.log.lines if "/count" in line]
