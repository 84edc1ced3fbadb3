"""The JSON Schema of the settings file, for editors and for other programs."""

import json
from typing import Any

from syncd.config.model import Document


def schema() -> str:
    """Return the JSON Schema (draft 2020-12) of `syncd.toml`, as text."""
    body = _without_titles(Document.model_json_schema(by_alias=True))
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "syncd.toml, or [tool.syncd] in pyproject.toml",
    }
    return json.dumps(head | body, indent=2, ensure_ascii=False) + "\n"


def _without_titles(node: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Return the schema without the titles that pydantic makes up from names."""
    match node:
        case dict():
            return {
                key: _without_titles(value)
                for key, value in node.items()
                if key != "title" or not isinstance(value, str)
            }
        case list():
            return [_without_titles(item) for item in node]
        case _:
            return node
