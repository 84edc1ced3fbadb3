import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.config import schema
from syncd.config.layers import VARIABLES


DOCS = Path(__file__).parents[2] / "docs"


def test_the_schema_in_the_docs_is_up_to_date() -> None:
    assert (DOCS / "syncd.schema.json").read_text() == schema(), (
        "run: syncd schema > docs/syncd.schema.json"
    )


def test_the_schema_refuses_unknown_keys_everywhere() -> None:
    body = json.loads(schema())

    tables = [body, *body["$defs"].values()]
    assert all(table["additionalProperties"] is False for table in tables)


def test_every_key_is_described_in_the_schema_and_in_the_docs() -> None:
    page = (DOCS / "configuration.md").read_text()

    for name, property_ in properties(json.loads(schema())):
        assert property_.get("description") or "const" in property_, name
        assert re.search(rf"`{name}`", page), f"docs/configuration.md lacks `{name}`"


def test_every_variable_is_in_the_docs() -> None:
    page = (DOCS / "configuration.md").read_text()

    assert [name for name in VARIABLES if f"`{name}`" not in page] == []


def properties(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from table["properties"].items()
    for inner in table.get("$defs", {}).values():
        yield from properties(inner)
