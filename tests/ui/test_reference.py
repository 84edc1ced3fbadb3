from pathlib import Path

from syncd.ui.reference import events_page, kinds


PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def test_the_page_on_events_is_up_to_date() -> None:
    assert PAGE.read_text() == events_page(), (
        "run: syncd schema --events > docs/events.md"
    )


def test_what_a_field_holds_is_told_as_json_has_it() -> None:
    page = PAGE.read_text()

    assert "| `batches` | array of numbers |" in page
    assert "| `reloaded_ms` | number or null |" in page
    assert "| `steps` | object of numbers |" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in rows} == {2}


def test_every_event_says_what_it_means() -> None:
    assert [kind.name for kind in kinds() if not kind.__doc__] == []


def test_every_event_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in kinds()]

    assert len(names) == len(set(names))
