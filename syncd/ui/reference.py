"""The page on events, written from the events themselves."""

import collections.abc
import dataclasses
import inspect
import re
import types
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

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


def _json_type(hint: Any) -> str:  # noqa: ANN401  # types are values of any kind
    arguments = get_args(hint)
    match get_origin(hint):
        case None:
            return _JSON[hint]
        case types.UnionType:
            (told,) = [each for each in arguments if each is not type(None)]
            return f"{_json_type(told)} or null"
        case collections.abc.Mapping:
            return f"object of {_json_type(arguments[1])}s"
        case _:
            return f"array of {_json_type(arguments[0])}s"
