"""The tables for a page of text."""

from syncd.bench.figures import COLUMNS
from syncd.bench.markdown import page
from tests.bench.results import rich_result


def test_every_mode_has_a_line_with_a_cell_for_each_column() -> None:
    table = [line for line in page(rich_result()).splitlines() if line[:1] == "|"]

    assert {line.count("|") for line in table} == {len(COLUMNS) + 1}
    modes = [line.split("|")[1].strip() for line in table[2:]]
    assert modes == ["`syncd`", "`local`", "`<b>&'`"]


def test_steps_costs_and_the_machine_stand_beside_it() -> None:
    text = page(rich_result())

    assert text.startswith("Pattern `save`; image myapp:dev.")
    assert "- `syncd`, the mean of each step in ms: detected 2.0 · settled 2.0" in text
    assert "- the daemon: 10.0 ms of processor per edit, 0.11 % of one core" in text
    assert "- the agents: 4.0 ms of processor per edit, 0.00 % of one core" in text
