"""The page on events, written from the events themselves."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import get_type_hints

from syncd.events import (
    Event,
    batch,
    cluster,
    container,
    daemon,
    local,
    rebuild,
    reloader,
)


_INTRODUCTION = """\
# Events

`syncd watch --output json` writes one JSON object per line to standard output. What
happens is the same as on the console; what an object holds is an interface: names and
fields are only ever added.

This page is written by `syncd schema --events`.

Every object begins with

| field | type | meaning |
| --- | --- | --- |
| `event` | string | one of the names below |
| `ts` | string | wall-clock time it was reported at, ISO 8601, UTC |
| `level` | string | `debug`, `info`, `warning` (syncd goes on by itself) or `error` (\
a person must act) |

Durations are monotonic and carry their unit in the name (`_ms`, `_s`); sizes are bytes.
A file name that is not UTF-8 has its odd bytes as `\\xNN`. `batch` is the same number in
all events of one batch, and is not used again while syncd runs.
"""
_JSON = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    bytes: "string",
    int | None: "number or null",
}


def events_page() -> str:
    """Return `docs/events.md`."""
    return "\n".join([_INTRODUCTION, *(_section(kind) for kind in kinds())])


def kinds() -> Iterator[type[Event]]:
    """Yield every kind of event, in the order of a run."""
    for module in (daemon, local, cluster, container, batch, rebuild, reloader):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event:
                yield kind


def _section(kind: type[Event]) -> str:
    summary, meanings = _documented(kind)
    hints = get_type_hints(kind)
    rows = [
        f"| `{field.name}` | {_json_type(hints[field.name])} |"
        f" {meanings.get(field.name, '')} |"
        for field in dataclasses.fields(kind)
    ]
    table = "\n".join(["| field | type | meaning |", "| --- | --- | --- |", *rows])
    return f"## `{kind.name}`\n\n{summary} Level `{kind.level}`.\n\n{table}\n"


def _documented(kind: type[Event]) -> tuple[str, dict[str, str]]:
    """Return what the docstring says of the event, and of its fields."""
    text, _, attributes = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")
    fields = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return _joined(text), {name: _joined(said) for name, said in fields}


def _joined(text: str) -> str:
    return " ".join(text.split())


def _json_type(hint: object) -> str:
    if hint in _JSON:
        return _JSON[hint]  # type: ignore[index]  # it is in there
    name = str(hint)
    if "Mapping" in name:
        return "object"
    return "array of strings" if name.startswith("tuple") else name
