from syncd.doctor import Finding
from syncd.ui.findings import finding


def test_a_finding_is_a_line_with_its_remedy_below() -> None:
    found = Finding("context", "failed", "not allowed", "allow it")

    assert list(finding(found)) == [
        "failed   context: not allowed",
        "         → allow it",
    ]


def test_further_lines_stand_below_the_first() -> None:
    found = Finding("settings", "ok", "two\nlines")

    assert list(finding(found)) == ["ok       settings: two", "         lines"]


def test_nothing_in_it_reaches_the_terminal() -> None:
    assert list(finding(Finding("x", "ok", "\x1b[2J"))) == [r"ok       x: \x1b[2J"]
