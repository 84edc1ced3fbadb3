import sys
from types import TracebackType
from typing import Self

import pytest

from syncd.events import Event
from syncd.ui.console import Console
from syncd.ui.forms import open_output
from syncd.ui.jsonlines import JsonLines
from syncd.ui.output import UntilGone, least_level, matters
from syncd.ui.plain import Plain
from tests.ui.samples import EVENTS, batch_done


class Reader:
    """An output whose reader goes away after some events."""

    def __init__(self, patience: int) -> None:
        self.read: list[Event] = []
        self.closed = False
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closed = True

    def __call__(self, event: Event) -> None:
        if len(self.read) == self._patience:
            raise BrokenPipeError
        self.read.append(event)


def test_a_reader_that_goes_away_stops_the_work_once() -> None:
    stops: list[int] = []
    reader = Reader(patience=2)

    emit = UntilGone(reader, lambda: stops.append(1))

    for event in EVENTS:
        emit(event)

    with pytest.raises(BrokenPipeError):
        emit.__exit__(None, None, None)
    assert reader.read == list(EVENTS[:2])
    assert stops == [1]
    assert not reader.closed


def test_a_reader_that_stays_is_told_everything() -> None:
    reader = Reader(patience=1000)

    with UntilGone(reader, lambda: None) as emit:
        for event in EVENTS:
            emit(event)

    assert reader.read == list(EVENTS)
    assert reader.closed


def test_the_first_error_is_the_one_that_counts() -> None:
    emit = UntilGone(Reader(patience=0), lambda: None)

    emit(batch_done())

    emit.__exit__(KeyError, KeyError(), None)


def test_away_from_a_terminal_plain_lines_are_the_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert isinstance(open_output(None), Plain)


def test_a_form_can_be_chosen() -> None:
    forms = [type(open_output(form)) for form in ("console", "plain", "json")]

    assert forms == [Console, Plain, JsonLines]


def test_the_level_follows_the_flags() -> None:
    assert least_level(verbose=False, quiet=False) == "info"
    assert least_level(verbose=True, quiet=True) == "debug"
    assert least_level(verbose=False, quiet=True) == "warning"
    assert matters("error", "warning")
    assert not matters("info", "warning")


def test_output_goes_to_where_standard_output_is_now(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_output("plain"):
        pass

    assert capsys.readouterr().out.startswith("[syncd] start begin\n")
    assert sys.stdout is not sys.__stdout__
