from pathlib import Path

import pytest

from syncd.reload import Anew, Armed, Began, Broke, Reader, Serving, Sign, broken


RECORDINGS = Path(__file__).parent / "recordings" / "reloads"


def read(name: str) -> list[Sign]:
    reader = Reader()
    lines = (RECORDINGS / f"{name}.log").read_text().splitlines()
    signs = [sign for line in lines for sign in reader.feed(line)]
    return [*signs, *reader.flush()]


def feed(*lines: str) -> list[Sign]:
    reader = Reader()
    signs = [sign for line in lines for sign in reader.feed(line)]
    return [*signs, *reader.flush()]


def breaks(name: str) -> list[Broke]:
    return [sign for sign in read(name) if isinstance(sign, Broke)]


@pytest.mark.parametrize(
    "name", ["uvicorn-watchfiles", "uvicorn-stat", "gunicorn-sync", "flask", "django"]
)
def test_a_server_says_that_it_reloads_by_itself(name: str) -> None:
    assert any(isinstance(sign, Armed) for sign in read(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gunicorn-sync", [Began, Anew, Began, Anew, Broke, Began, Anew]),
        ("granian", [Began, Anew, Serving, Began, Anew, Broke]),
        ("uvicorn-watchfiles", [Began, Anew, Serving, Began, Broke]),
        ("uvicorn-lifespan-off", [Began, Anew, Began, Broke, Began, Anew]),
        ("uvicorn-warning", [Began, Began, Broke, Began]),
        ("flask-nodebug", [Began, Began, Broke, Began]),
        ("django", [Began, Serving, Began, Broke]),
    ],
)
def test_a_server_is_seen_to_reload(name: str, expected: list[type]) -> None:
    kinds = [type(sign) for sign in read(name) if not isinstance(sign, Armed)]

    assert kinds[kinds.index(Began) :][: len(expected)] == expected


@pytest.mark.parametrize(
    "name",
    [
        "gunicorn",
        "gunicorn-sync",
        "granian",
        "hypercorn",
        "uvicorn-lifespan-off",
        "uvicorn-warning",
        "flask-nodebug",
        "django",
    ],
)
def test_the_traceback_of_a_request_is_no_sign(name: str) -> None:
    assert [broke for broke in breaks(name) if "asked for" in broke.error] == []


def test_what_is_wrong_is_told_with_its_place() -> None:
    (broke, *_) = breaks("uvicorn-watchfiles")

    assert broke.error == "SyntaxError: invalid syntax"
    assert (broke.file, broke.line) == ("/app/app.py", 6)
    assert broke.tail[-1] == broke.error


def test_of_tracebacks_that_follow_from_each_other_the_last_counts() -> None:
    (broke,) = breaks("uvicorn-chain")

    assert broke.error == "RuntimeError: set it up first"
    assert (broke.file, broke.line) == ("/app/app.py", 4)


def test_a_traceback_that_a_group_caused_is_read() -> None:
    (broke,) = breaks("uvicorn-group")

    assert broke.error == "RuntimeError: it cannot start"
    assert (broke.file, broke.line) == ("/app/app.py", 11)


GROUP = """\
ERROR:      + Exception Group Traceback (most recent call last):
  |   File "/usr/lib/python3/site-packages/starlette/routing.py", line 693, in lifespan
  |     async with self.lifespan_context(app) as maybe_state:
  |   File "/app/main.py", line 9, in start
  |     else: started
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/main.py", line 2, in part
    |     raise ValueError("no database")
    | ValueError: no database
    +------------------------------------
"""


@pytest.mark.parametrize(
    "after", [[], ["ERROR:    Application startup failed. Exiting."]]
)
def test_of_a_group_what_is_in_it_counts(after: list[str]) -> None:
    (broke,) = feed(*GROUP.splitlines(), *after)

    assert isinstance(broke, Broke)
    assert broke.error == "ValueError: no database"
    assert (broke.file, broke.line) == ("/app/main.py", 2)


def test_a_traceback_is_held_until_something_else_is_read() -> None:
    reader = Reader()
    lines = ("Traceback (most recent call last):", "main.f.<locals>.Boom: x", "")
    told = [reader.feed(line) for line in lines]
    held = reader.holds

    (broke,) = reader.feed("another line")

    assert (told, held, reader.holds) == ([()] * 3, True, False)
    assert isinstance(broke, Broke)
    assert broke.error == "main.f.<locals>.Boom: x"
    assert reader.flush() == ()


def test_colours_do_not_hide_a_sign() -> None:
    line = (
        "\x1b[33mWARNING\x1b[0m:  WatchFiles detected changes in 'a.py'. Reloading..."
    )

    assert feed(line) == [Began("uvicorn")]


@pytest.mark.parametrize(
    "lines",
    [
        ["GET / 200", "Traceback without an end", "", "ValueError: but no traceback"],
        ["Traceback (most recent call last):", "INFO:     Shutting down"],
    ],
)
def test_a_program_s_own_lines_are_no_signs(lines: list[str]) -> None:
    assert feed(*lines) == []


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("INFO:     Application startup complete.", Serving("uvicorn")),
        (" * Detected change in '/app/app.py', reloading", Began("flask")),
    ],
)
def test_what_follows_a_traceback_without_an_error_is_read_as_it_is(
    line: str, sign: Sign
) -> None:
    cut = ["Traceback (most recent call last):", '  File "/app/main.py", line 1, in f']

    assert feed(*cut, line) == [sign]


def test_a_traceback_without_an_end_costs_no_more_than_its_last_lines() -> None:
    frames = ['  File "/app/main.py", line 1, in f', "    f()"] * 5000

    (broke,) = feed(
        "Traceback (most recent call last):", *frames, "RecursionError: deep"
    )

    assert isinstance(broke, Broke)
    assert (broke.file, broke.line) == ("/app/main.py", 1)


def test_why_the_program_does_not_start_is_read_from_a_traceback() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/opt/venv/lib/python3.12/site-packages/x.py", line 9, in <module>\n'
        "    import main\n"
        '  File "/app/main.py", line 3\n'
        "    def (\n"
        "SyntaxError: invalid syntax\n"
    )

    broke = broken(text, "/app/main.py", 3)

    assert (broke.error, broke.file, broke.line) == (
        "SyntaxError: invalid syntax",
        "/app/main.py",
        3,
    )
    assert broke.tail[-1] == broke.error


@pytest.mark.parametrize("text", ["it ended with 3", ""])
def test_a_program_that_ends_without_a_traceback_is_told_as_it_is(text: str) -> None:
    assert broken(text, "", 0) == Broke(text, "", 0, (text,))
