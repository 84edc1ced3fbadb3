from pathlib import Path

import pytest

from syncd.reload import Armed, Began, Broke, Reader, Serving, Sign, broken


RECORDINGS = Path(__file__).parent / "recordings" / "reloads"


def read(name: str) -> list[Sign]:
    reader = Reader()
    lines = (RECORDINGS / f"{name}.log").read_text().splitlines()
    signs = [sign for line in lines if (sign := reader.feed(line))]
    return [sign for sign in signs if not isinstance(sign, Armed)]


@pytest.mark.parametrize(
    "name", ["uvicorn-watchfiles", "uvicorn-stat", "gunicorn", "flask", "django"]
)
def test_a_server_says_that_it_reloads_by_itself(name: str) -> None:
    reader = Reader()
    lines = (RECORDINGS / f"{name}.log").read_text().splitlines()

    assert any(isinstance(reader.feed(line), Armed) for line in lines)


def kinds(signs: list[Sign]) -> list[type]:
    return [type(sign) for sign in signs]


@pytest.mark.parametrize("name", ["uvicorn-watchfiles", "uvicorn-stat"])
def test_uvicorn_is_seen_to_reload_to_break_and_to_mend(name: str) -> None:
    signs = read(name)

    assert kinds(signs)[:5] == [Serving, Began, Serving, Began, Broke]
    broke = signs[4]
    assert isinstance(broke, Broke)
    assert broke.error == "SyntaxError: invalid syntax"
    assert (broke.file, broke.line) == ("/app/app.py", 6)
    assert broke.tail[-1] == broke.error
    assert Serving in kinds(signs[5:])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gunicorn", [Serving, Serving, Began]),
        ("hypercorn", [Serving, Serving, Broke]),
        ("granian", [Serving, Began, Serving]),
        ("flask", [Serving, Began, Serving, Began, Broke, Serving, Began, Serving]),
        ("django", [Serving, Began, Serving, Began, Broke]),
    ],
)
def test_a_server_is_seen_to_reload(name: str, expected: list[type]) -> None:
    assert kinds(read(name))[: len(expected)] == expected


def test_colours_do_not_hide_a_sign() -> None:
    line = (
        "\x1b[33mWARNING\x1b[0m:  WatchFiles detected changes in 'a.py'. Reloading..."
    )

    assert Reader().feed(line) == Began("uvicorn")


def test_a_program_s_own_lines_are_no_signs() -> None:
    reader = Reader()
    lines = [
        "GET / 200",
        "Traceback without an end",
        "",
        "ValueError: but no traceback",
    ]

    assert [reader.feed(line) for line in lines] == [None] * 4


def test_what_follows_a_traceback_without_an_error_is_read_as_it_is() -> None:
    reader = Reader()
    assert reader.feed("Traceback (most recent call last):") is None
    assert reader.feed('  File "/app/main.py", line 1, in <module>') is None

    assert reader.feed("INFO:     Application startup complete.") == Serving("uvicorn")


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
