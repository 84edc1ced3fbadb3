"""What comes of an edit, in a program that uvicorn serves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reloader.running import SCRIPT, UVICORN, Running, asgi, plain, start


@pytest.fixture(scope="module")
def started(reloader: Path, shared: Path) -> Iterator[Running]:
    (shared / "main.py").write_text(asgi("one"))
    with start(reloader, shared) as running:
        yield running.serves().warm()


@pytest.fixture
def running(started: Running) -> Running:
    assert started.edit("main.py", asgi("one"))["op"] == "serving"
    return started


def test_an_edit_that_is_reported_is_served(running: Running) -> None:
    assert running.get() == "one"
    number = running.status()["generation"]

    answer = running.edit("main.py", asgi("two"))

    assert answer["op"] == "serving"
    assert answer["generation"] == number + 1
    assert answer["steps"]["total_ms"] > 0
    assert running.get() == "two"


def test_code_that_does_not_compile_leaves_the_old_one_serving(
    running: Running,
) -> None:
    answer = running.edit("main.py", "x = = 1\n")

    assert answer["op"] == "failed"
    assert "SyntaxError" in answer["traceback"]
    assert answer["file"] == str(running.folder / "main.py")
    assert answer["line"] == 1
    assert running.get() == "one"

    assert running.edit("main.py", asgi("three"))["op"] == "serving"
    assert running.get() == "three"


def test_an_import_that_fails_is_shown_where_it_fails(running: Running) -> None:
    running.write("broken.py", "\n\nraise RuntimeError('no such luck')\n")

    answer = running.edit("main.py", "import broken\n" + asgi("two"))

    assert answer["op"] == "failed"
    assert "no such luck" in answer["traceback"]
    assert answer["file"] == str(running.folder / "broken.py")
    assert answer["line"] == 3
    assert running.get() == "one"


def test_a_lifespan_that_fails_leaves_the_old_one_serving(running: Running) -> None:
    program = asgi("two").replace(
        "while True:", "raise RuntimeError('no database')\n        while True:"
    )

    answer = running.batch(running.write("main.py", program))

    # uvicorn takes that for a program without a lifespan, unless it is asked for one
    assert answer["op"] == "serving"

    startup = "await send({'type': 'lifespan.startup.failed', 'message': 'no luck'})"
    program = asgi("three").replace("while True:", f"{startup}\n        while True:")

    answer = running.edit("main.py", program)

    assert answer["op"] == "failed"
    assert "no luck" in answer["traceback"]
    assert running.get() == "two"


def test_a_file_that_was_read_at_the_start_is_a_reason_to_reload(
    running: Running,
) -> None:
    running.write("greeting.txt", "hello")
    running.write("style.css", "a {}")
    program = asgi("").replace("ANSWER = ''", "ANSWER = open('greeting.txt').read()")
    assert running.edit("main.py", program)["op"] == "serving"
    greeting = running.folder / "greeting.txt"
    assert running.batch(running.write("greeting.txt", "welcome"))["op"] == "serving"
    assert running.get() == "welcome"

    style = running.folder / "style.css"
    running.learned()
    assert running.batch(style)["op"] == "kept"
    assert running.batch(style, force=True)["op"] == "serving"
    assert running.batch(greeting)["op"] == "serving"
    assert running.get() == "welcome"


def test_edits_are_noticed_when_nobody_reports_them(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(asgi("one"))
    (folder / "package").mkdir()
    with start(reloader, folder) as running:
        port = running.serves().port()

        running.write("package/__init__.py", "NAME = 'two'\n")
        running.serves()
        program = asgi("").replace("ANSWER = ''", "from package import NAME as ANSWER")
        running.write("main.py", program)
        running.serves()

        assert running.get() == "two"
        assert running.port() == port

        running.write("package/__init__.py", "NAME = 'six'\n")
        running.serves()

        assert running.get() == "six"


def test_an_edit_that_comes_before_all_is_known_of_what_serves_is_tried_once(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(asgi("one"))
    with start(reloader, folder) as running:
        running.serves()
        running.write("main.py", "x = = 1\n")
        running.log.wait_for("the edit fails")
        running.learned()
        running.write("main.py", asgi("two"))
        running.serves()

        assert running.get() == "two"
        assert running.status()["generation"] == 3


ONCE = """\
import os
if not os.path.exists("started"):
    open("once.ini").close(), open("started", "x").close()
ANSWER = {}
"""


def test_a_file_that_only_the_first_start_has_read_is_not_missed_after_it(
    reloader: Path, folder: Path
) -> None:
    (folder / "once.ini").touch()
    (folder / "main.py").write_text(plain(ONCE.format(1)))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        for answer in (2, 3, 4):
            running.learned()
            running.write("main.py", plain(ONCE.format(answer)))
            running.serves()

        assert running.get() == "4"
    assert not [line for line in running.log.lines if "once.ini" in line]


def test_two_edits_of_one_length_within_a_second_are_both_served(
    running: Running,
) -> None:
    running.write("part.py", "NAME = 'aaa'\n")
    program = asgi("").replace("ANSWER = ''", "from part import NAME as ANSWER")
    running.edit("main.py", program)

    for name in ("bbb", "ccc", "ddd", "aaa", "eee"):
        path = running.folder / "part.py"
        path.write_text(f"NAME = '{name}'\n")  # in place, as some editors do
        assert running.batch(path)["op"] == "serving"
        assert running.get() == name


def test_a_batch_that_overtakes_another_answers_for_both(running: Running) -> None:
    slow = "import time; time.sleep(30)\n" + asgi("never")
    running.line.send("batch", id="a", changed=[str(running.write("main.py", slow))])
    quick = running.write("main.py", asgi("two"))
    running.line.send("batch", id="b", changed=[str(quick)])

    first, second = running.line.receive(), running.line.receive()

    assert (first["id"], second["id"]) == ("a", "b")
    assert first["op"] == second["op"] == "serving"
    assert running.get() == "two"


def test_uvicorns_own_reloading_is_left_to_the_reloader(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(asgi("one"))
    command = (*UVICORN, "--reload", "--reload-dir", str(folder), "--workers", "4")
    with start(reloader, folder, command) as running:
        running.serves()

        assert running.edit("main.py", asgi("two"))["op"] == "serving"
        assert running.get() == "two"


def test_uvicorn_in_a_script_is_taken_over(reloader: Path, folder: Path) -> None:
    run = "\nif __name__ == '__main__':\n    import uvicorn, sys\n"
    run += "    sys.exit(uvicorn.run('__main__:app', port=0, reload=True))\n"
    (folder / "serve.py").write_text(asgi("one") + run)
    with start(reloader, folder, (sys.executable, "serve.py")) as running:
        running.serves()

        assert running.edit("serve.py", asgi("two") + run)["op"] == "serving"
        assert running.get() == "two"


def test_what_is_not_understood_is_refused_and_forgotten(running: Running) -> None:
    running.line.file.write("no json\n[1]\n{}\n")

    assert running.line.ask("dance")["op"] == "error"
    assert [running.line.receive()["op"] for _ in range(3)] == ["error"] * 3
    assert running.get() == "one"
