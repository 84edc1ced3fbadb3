import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd import events
from syncd.ui.aside import Aside, Moment
from syncd.ui.jsonlines import JsonLines
from syncd.ui.output import UntilGone
from tests.ui.samples import EVENTS


class Pipe:
    """A pipe whose reader reads when it is told to."""

    def __init__(self) -> None:
        source, self.sink = os.pipe()
        os.set_blocking(source, False)
        self._source = os.fdopen(source, "rb")
        self.stream = os.fdopen(self.sink, "w")

    def fill(self) -> None:
        """Leave no room for a line."""
        os.set_blocking(self.sink, False)
        try:
            while True:
                os.write(self.sink, b"\n" * 256)
        except BlockingIOError:
            os.set_blocking(self.sink, True)

    def read(self, until: str) -> list[dict[str, Any]]:
        """Return what is written up to the first event of that name."""
        told: list[dict[str, Any]] = []
        os.set_blocking(self._source.fileno(), True)
        for line in self._source:
            if line.strip():
                told.append(json.loads(line))
                if told[-1]["event"] == until:
                    break
        return told

    def leave(self) -> None:
        self._source.close()

    def close(self) -> None:
        self._source.close()
        self.stream.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def aside(pipe: Pipe, stops: list[int], kept: int = 8192) -> Aside:
    moment = Moment()
    inner = UntilGone(JsonLines(pipe.stream, clock=moment), lambda: stops.append(1))
    return Aside(inner, moment, pipe.stream, kept=kept)


def test_all_is_told_in_order(pipe: Pipe) -> None:
    with aside(pipe, []) as emit:
        for event in EVENTS:
            emit(event)

    assert [told["event"] for told in pipe.read(EVENTS[-1].name)] == [
        event.name for event in EVENTS
    ]


def test_nobody_waits_for_a_reader_that_does_not_read(pipe: Pipe) -> None:
    pipe.fill()
    with aside(pipe, [], kept=3) as emit:
        before = dt.datetime.now(dt.UTC)
        for batch in range(20):
            emit(events.Stopped(reason="", batches=batch))
        after = dt.datetime.now(dt.UTC)
        told = pipe.read("output.behind")
        emit(events.InStep(replicas=1, since_start_ms=1.0))

    kept, behind = told[:-1], told[-1]
    assert [each["batches"] for each in kept] == list(range(len(kept)))
    assert 3 <= len(kept) <= 4
    assert behind["missed"] == 20 - len(kept)
    times = [dt.datetime.fromisoformat(each["ts"]) for each in kept]
    slack = dt.timedelta(milliseconds=1)  # that is how finely it is written
    assert all(before - slack <= at <= after + slack for at in times)
    assert [each["event"] for each in pipe.read("syncd.in_step")] == ["syncd.in_step"]


def test_the_end_waits_for_a_stuck_reader_but_not_long(tmp_path: Path) -> None:
    program = """
import sys
from syncd import events
from syncd.ui import aside, forms, output
moment, stream = aside.Moment(), aside.own_stdout()
form = forms.open_output("json", clock=moment, stream=stream)
with aside.Aside(output.UntilGone(form, print), moment, stream) as emit:
    for batch in range(2000):
        emit(events.Stopped(reason="x" * 100, batches=batch))
sys.stderr.write("left")
"""
    source, sink = os.pipe()
    try:
        ran = subprocess.run(
            [sys.executable, "-c", program],
            stdout=sink,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    finally:
        os.close(source)
        os.close(sink)

    assert (ran.returncode, ran.stderr) == (0, b"left")


def test_a_reader_that_goes_away_stops_the_work(pipe: Pipe) -> None:
    stops: list[int] = []
    emit = aside(pipe, stops)
    pipe.leave()

    def report() -> None:
        with emit:
            emit(EVENTS[0])
            emit(EVENTS[1])

    with pytest.raises(BrokenPipeError):
        report()
    assert stops == [1]
