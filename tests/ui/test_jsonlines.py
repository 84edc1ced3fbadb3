import datetime as dt
import io
import json

from syncd import events
from syncd.events import as_dict
from syncd.ui.jsonlines import JsonLines
from tests.ui.samples import EVENTS, path_failed


NOON = dt.datetime(2026, 1, 31, 12, 0, 0, 123_456, dt.timezone(dt.timedelta(hours=2)))


def test_every_event_is_one_object_on_one_line() -> None:
    stream = io.StringIO()

    with JsonLines(stream, clock=lambda: NOON) as emit:
        for event in EVENTS:
            emit(event)

    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert written == [
        {
            "event": event.name,
            "ts": "2026-01-31T10:00:00.123Z",
            "level": event.level,
            **as_dict(event),
        }
        for event in EVENTS
    ]


def test_what_every_line_has_comes_first() -> None:
    stream = io.StringIO()

    JsonLines(stream)(events.InStep(replicas=1, since_start_ms=1.0))

    assert list(json.loads(stream.getvalue())) == [
        "event",
        "ts",
        "level",
        "replicas",
        "since_start_ms",
    ]


def test_names_that_are_no_text_survive_as_escapes() -> None:
    stream = io.StringIO()

    JsonLines(stream)(path_failed(b"a\xff\x1b[31m"))

    assert "\x1b" not in stream.getvalue()
    assert json.loads(stream.getvalue())["path"] == "a\\xff\x1b[31m"
