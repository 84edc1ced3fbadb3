import datetime as dt
import io

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from syncd import events
from syncd.ui.console import Console, batch
from tests.ui.samples import EVENTS, batch_done, path_failed


NOON = dt.datetime(2026, 1, 31, 14, 2, 31, tzinfo=dt.UTC)


def console(stream: io.StringIO, **options: object) -> Console:
    return Console(stream, clock=lambda: NOON, **options)  # type: ignore[arg-type]  # mixed


def test_a_batch_is_one_calm_line() -> None:
    stream = io.StringIO()

    with console(stream) as emit:
        emit(batch_done())

    assert stream.getvalue() == (
        "14:02:31  main.py  1 file, 2.1 KiB  → 3 replicas"
        "   settled 10 · scanned 0.3 · packed 0.8 · sent 1.1 · applied 3.2 ms   15 ms\n"
    )


STEPS = "settled 10 · scanned 0.3 · packed 0.8 · sent 1.1 · applied 3.2 ms"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (
            134,
            (
                "app/deep/main.py, app/x.py  2 files, 2.1 KiB  → 3 replicas"
                f"   {STEPS}   15 ms"
            ),
        ),
        (133, f"app/deep/main.py +1  2 files, 2.1 KiB  → 3 replicas   {STEPS}   15 ms"),
        (125, "app/deep/main.py +1  2 files, 2.1 KiB  → 3 replicas   15 ms"),
        (55, "main.py +1  2 files, 2.1 KiB  → 3 replicas   15 ms"),
        (40, "main.py +1  → 3 replicas   15 ms"),
        (20, "main.py +1   15 ms"),
        (14, "main.…   15 ms"),
    ],
)
def test_a_narrow_terminal_loses_what_is_missed_least(width: int, shown: str) -> None:
    event = batch_done(paths=(b"app/deep/main.py", b"app/x.py"), files=2)

    assert batch(event, width).plain == shown


@given(
    st.lists(st.binary(min_size=1), min_size=1, max_size=5),
    st.integers(20, 200),
    st.integers(0, 10**6),
)
def test_a_batch_never_wraps(paths: list[bytes], width: int, more: int) -> None:
    event = batch_done(paths=tuple(paths), files=len(paths) + more, total_ms=1234.0)

    assert cell_len(batch(event, width).plain) <= width


def test_a_hint_stands_below_its_line() -> None:
    stream = io.StringIO()

    console(stream)(events.Failed(message="no kubeconfig", hint="make one"))

    assert stream.getvalue().splitlines() == [
        "14:02:31  error  no kubeconfig",
        "          hint: make one",
    ]


def test_many_failures_of_one_kind_are_counted() -> None:
    stream = io.StringIO()

    with console(stream) as emit:
        for index in range(5000):
            emit(path_failed(b"%d" % index))
        emit(path_failed(b"other", reason="denied"))

    lines = stream.getvalue().splitlines()
    assert [line[10:].split("  ")[0] for line in lines] == [
        "0",
        "hint: free space",
        "1",
        "2",
        "3",
        "4",
        "… and 4,995 more",
        "other",
        "hint: free space",
    ]


def test_what_was_only_counted_is_said_at_the_end_too() -> None:
    stream = io.StringIO()

    with console(stream) as emit:
        for index in range(7):
            emit(path_failed(b"%d" % index))

    assert stream.getvalue().splitlines()[-1].strip() == "… and 2 more"


def test_details_are_shown_only_when_they_are_asked_for() -> None:
    shown = {}
    for least in ("debug", "info", "warning"):
        stream = io.StringIO()
        emit = console(stream, least=least)
        for event in EVENTS:
            emit(event)
        shown[least] = stream.getvalue().splitlines()

    assert set(shown["warning"]) < set(shown["info"]) < set(shown["debug"])
    assert not any("1 file" in line for line in shown["warning"])
    assert any("connected as app" in line for line in shown["debug"])
    assert not any("connected as app" in line for line in shown["info"])


def test_nothing_unprintable_is_written() -> None:
    stream = io.StringIO()
    emit = console(stream, least="debug")

    for event in EVENTS:
        emit(event)

    assert all(line.isprintable() for line in stream.getvalue().split("\n"))


def test_markup_in_a_name_is_text() -> None:
    stream = io.StringIO()

    console(stream)(batch_done(paths=(b"[red]app[/red]/:smile:.py",)))

    assert "[red]app[/red]/:smile:.py" in stream.getvalue()
