"""Whether a result is good enough."""

from pathlib import Path

import pytest

from syncd.bench import figures, record
from syncd.bench.samples import Result
from syncd.bench.verdict import Limit, check, compare, is_regression
from syncd.errors import ConfigError
from tests.bench.results import result, rich_result, sample


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("p95=800ms", Limit("served", 0.95, 800)),
        ("p50=1.5s", Limit("served", 0.5, 1500)),
        ("applied.p99=80ms", Limit("applied", 0.99, 80)),
        ("p99.9=1s", Limit("served", 0.999, 1000)),
    ],
)
def test_a_limit_reads_as_people_write_it(written: str, expected: Limit) -> None:
    found = Limit.parse(written)

    assert (found.what, found.at_most_ms) == (expected.what, expected.at_most_ms)
    assert found.q == pytest.approx(expected.q)


@pytest.mark.parametrize("written", ["", "p95", "95=1s", "p95=800", "sent.p5=1ms"])
def test_what_is_no_limit_is_refused(written: str) -> None:
    with pytest.raises(ConfigError, match="is no limit"):
        Limit.parse(written)


@pytest.mark.parametrize(
    ("times", "broken"),
    [
        ([10.0, 20.0], ""),
        ([10.0, 90.0], "86 ms, more than 50 ms; 0 of 2 edits failed"),
        ([10.0, None], "never, more than 50 ms; 1 of 2 edits failed"),
        ([], "never, more than 50 ms; 0 of 0 edits failed"),
    ],
)
def test_a_limit_is_broken_by_slow_samples_and_by_missing_ones(
    times: list[float | None], broken: str
) -> None:
    samples = result(syncd=times).counted("syncd")

    said = f"served p95: {broken}" if broken else ""
    assert Limit.parse("p95=50ms").broken_by(samples) == said


@pytest.mark.parametrize(
    ("applied_ms", "broken"),
    [
        ([20.0] * 20, ""),
        ([20.0] * 18 + [None] * 2, "never, more than 50 ms; 2 of 20 edits failed"),
        ([None] * 2, "never, more than 50 ms; 2 of 2 edits failed"),
    ],
)
def test_what_failed_was_applied_later_than_anything(
    applied_ms: list[float | None], broken: str
) -> None:
    samples = [
        sample("syncd", number, ms, applied_ms=ms)
        for number, ms in enumerate(applied_ms)
    ]

    said = f"applied p95: {broken}" if broken else ""
    assert Limit.parse("applied.p95=50ms").broken_by(samples) == said


def test_a_failed_edit_that_was_applied_counts_as_it_was() -> None:
    samples = [sample("syncd", number, None, applied_ms=20.0) for number in range(5)]

    assert Limit.parse("applied.p95=50ms").broken_by(samples) == ""


def test_a_mode_that_does_not_tell_has_no_such_figure() -> None:
    (row,) = figures.rows(result(local=[1.0, None]))

    assert row.cells[6:8] == ("", "")


def test_twice_as_slow_is_a_regression_and_noise_is_none() -> None:
    times = [100.0 + n % 7 for n in range(30)]
    old = result(syncd=times, local=times)

    slower = compare(result(syncd=[t * 2 for t in times], local=times), old)
    noise = compare(result(syncd=times[::-1], local=times), old)

    assert is_regression(slower)
    assert "slower" in str(slower[0])
    assert not is_regression(noise)
    assert "the same" in str(noise[0])


TIMES = [100.0 + n % 7 for n in range(30)]
TWICE = [time * 2 for time in TIMES]


def test_a_machine_that_is_slower_as_a_whole_is_no_regression() -> None:
    old = result(syncd=TIMES, local=TIMES)

    changes = compare(result(syncd=TWICE, local=TWICE), old)

    assert not is_regression(changes)
    said = "syncd p50: 1.00 × what it was beside local ["  # noqa: RUF001
    assert str(changes[0]).startswith(said)
    assert str(changes[2]).startswith("local p50: 2.00 × what it was [")  # noqa: RUF001


def test_what_became_slower_on_a_faster_machine_is_a_regression() -> None:
    old = result(syncd=TWICE, local=TWICE)

    assert is_regression(compare(result(syncd=TWICE, local=TIMES), old))


@pytest.mark.parametrize("floor", [[], [100.0] * 4, [None] * 30])
def test_without_a_floor_in_both_the_times_themselves_are_compared(
    floor: list[float | None],
) -> None:
    old = result(syncd=TIMES, local=TIMES)

    changes = compare(result(syncd=TWICE, local=floor), old)

    assert is_regression(changes)
    assert "beside" not in str(changes[0])


def test_too_few_edits_are_no_verdict() -> None:
    changes = compare(result(syncd=[200.0] * 4), result(syncd=[100.0] * 20))

    assert not is_regression(changes)
    assert str(changes[0]) == "syncd p50: no verdict by 4 edits and 20: it takes 5"


@pytest.mark.parametrize(
    ("earlier", "pattern", "modes", "said"),
    [
        (result(syncd=[1.0]), "branch-switch", ["syncd"], "edits by branch-switch"),
        (result(local=[1.0]), "save", ["syncd", "local"], "is not in both"),
        (result(syncd=[1.0]), "save", ["local"], "is not in both"),
        (result(), "save", ["syncd"], "is not in both"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    earlier: Result, pattern: str, modes: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        check(earlier, pattern, modes)


def test_the_same_edits_by_other_modes_beside_can_be_compared() -> None:
    check(result(syncd=[1.0], local=[1.0]), "save", ["syncd", "own"])


def test_only_what_both_results_have_is_compared() -> None:
    changes = compare(result(syncd=[1.0], other=[1.0]), result(syncd=[1.0]))

    assert {change.mode for change in changes} == {"syncd"}


def test_a_record_reads_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(record.dumps(rich_result()))

    assert record.load(path) == rich_result()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}'])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)

    with pytest.raises(ConfigError, match="is no result of syncd bench"):
        record.load(path)


def test_the_warm_up_counts_in_no_figure() -> None:
    (row, *_) = figures.rows(rich_result())

    assert row.cells[:4] == ("syncd", "5", "", "403 ms")


def test_a_failure_is_counted_and_is_the_slowest() -> None:
    (row,) = figures.rows(result(syncd=[1.0, 2.0, None]))

    assert row.cells[1:6] == ("3", "1", "2.0 ms", "failed", "failed")


def test_mean_steps_add_up_to_the_mean_total() -> None:
    samples = [s for s in rich_result().counted("syncd") if s.total_ms is not None]

    steps = figures.mean_steps(samples)

    mean = sum(s.total_ms or 0 for s in samples) / len(samples)
    assert sum(step.took_ms for step in steps) == pytest.approx(mean)


def test_a_mode_that_served_nothing_has_no_steps() -> None:
    assert figures.mean_steps([sample("x", 1, None)]) == ()
