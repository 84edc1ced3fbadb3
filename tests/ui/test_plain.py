import io

from syncd import events
from syncd.ui.plain import Plain
from tests.ui.samples import EVENTS, TARGET, batch_done, path_failed


SETTLED = events.BatchSettled(
    batch=7, target=TARGET, files=1, deleted=0, settled_ms=10, scanned_ms=1
)


def test_what_begins_ends() -> None:
    stream = io.StringIO()

    with Plain(stream) as emit:
        emit(events.InStep(replicas=1, since_start_ms=811.6))
        emit(SETTLED)
        emit(batch_done())

    assert stream.getvalue().splitlines() == [
        "[syncd] start begin",
        "[syncd] start end ok 812ms",
        "[syncd] batch 7 begin deployment/myapp",
        "[syncd] batch 7 end ok 15ms main.py: 1 file, 2.1 KiB → 3 replicas",
        "[syncd] stop",
    ]


def test_a_batch_ends_in_one_of_three_ways() -> None:
    stream = io.StringIO()
    emit = Plain(stream)

    emit(batch_done())
    emit(batch_done(failed=1))
    emit(batch_done(replicas=0, behind=1))

    words = [line.split()[4] for line in stream.getvalue().splitlines()]
    assert words == ["ok", "failed", "waiting"]


def test_a_start_that_never_got_in_step_ends_as_failed() -> None:
    stream = io.StringIO()

    with Plain(stream):
        pass

    assert stream.getvalue().splitlines() == [
        "[syncd] start begin",
        "[syncd] start end failed",
        "[syncd] stop",
    ]


def test_errors_and_hints_have_lines_of_their_own() -> None:
    stream = io.StringIO()

    Plain(stream)(path_failed(b"a\nb"))

    assert stream.getvalue().splitlines() == [
        r"[syncd] error a\nb: myapp-1/web: disk full",
        "[syncd] hint free space",
    ]


def test_quiet_leaves_out_what_is_well_but_not_the_begin_and_end_lines() -> None:
    stream = io.StringIO()
    emit = Plain(stream, least="warning")

    emit(EVENTS[0])
    emit(SETTLED)
    emit(path_failed(b"a"))

    assert [line.split()[1] for line in stream.getvalue().splitlines()] == [
        "batch",
        "error",
        "hint",
    ]


def test_every_event_is_written_in_printable_lines_that_begin_alike() -> None:
    stream = io.StringIO()
    emit = Plain(stream, least="debug")

    for event in EVENTS:
        emit(event)

    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    assert all(line.startswith("[syncd] ") and line.isprintable() for line in lines)
