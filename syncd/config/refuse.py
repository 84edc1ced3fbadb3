"""What pydantic found wrong, said as a person would who knows the settings."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from syncd.config import words
from syncd.config.check import Problem
from syncd.config.locate import Key
from syncd.config.model import RULES, TABLES


_EXPECTED = {
    "string_type": "a string",
    "path_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_DESCRIBED: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((list, tuple), "a list"),
    (dict, "a table"),
    ((dt.date, dt.time), "a date or time"),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an error is: its key, and what the models know of it.

    Attributes:
        key: The key, as the file has it.
        fields: The keys that its table may have.
    """

    key: Key
    fields: Mapping[str, FieldInfo]

    @classmethod
    def of(cls, loc: Key) -> "_Place":
        table = tuple(part for part in loc[:-1] if isinstance(part, str))
        while table not in TABLES:
            table = table[:-1]
        fields = TABLES[table].model_fields.items()
        # In a rule, pydantic names the kind it took it for, which is no key of ours.
        tagged = len(loc) > 4 and loc[2] == "rule"
        key = (*loc[:4], *loc[5:]) if tagged else loc
        return cls(key, {field.alias or name: field for name, field in fields})

    @property
    def name(self) -> str:
        return next((part for part in reversed(self.key) if isinstance(part, str)), "")

    def example(self) -> str:
        """Return the key as one would write it."""
        field = self.fields.get(self.name)
        if field is None or not field.examples:
            return "see docs/configuration.md"
        return f"for example {self.name} = {_toml(field.examples[0])}"


def problems(error: ValidationError) -> list[Problem]:
    """Return what pydantic found, in the words of the settings."""
    found = error.errors(include_url=False)
    return [_problem(each) for each in found if not _is_echo(each)]


def _is_echo(error: ErrorDetails) -> bool:
    """Tell whether a list is called too short only because its items are wrong."""
    return error["type"] == "too_short" and len(error["input"]) > 0


def _problem(error: ErrorDetails) -> Problem:
    kind = error["type"]
    place = _Place.of(error["loc"])
    if kind.startswith("union_tag"):
        place = _Place((*place.key, "action"), {})
    say = _SAID.get(kind) or (_wrong_type if kind in _EXPECTED else _other)
    what, remedy = say(place, error)
    return Problem(place.key, what, remedy)


def _unknown_key(place: _Place, _: ErrorDetails) -> tuple[str, str]:
    near = words.did_you_mean(place.name, place.fields)
    known = ", ".join(place.fields)
    return (
        "is not a key that syncd knows",
        f"did you mean {near}?" if near else f"the keys here are {known}",
    )


def _missing(place: _Place, _: ErrorDetails) -> tuple[str, str]:
    return "is missing", place.example()


def _no_action(_: _Place, __: ErrorDetails) -> tuple[str, str]:
    return "is missing", _choices(list(RULES))


def _unknown_action(_: _Place, error: ErrorDetails) -> tuple[str, str]:
    return _not_a_choice(error["input"]["action"], list(RULES))


def _unknown_word(place: _Place, error: ErrorDetails) -> tuple[str, str]:
    return _not_a_choice(
        error["input"], list(get_args(place.fields[place.name].annotation))
    )


def _wrong(_: _Place, error: ErrorDetails) -> tuple[str, str]:
    wrong = error["ctx"]["error"]
    assert isinstance(wrong, words.Wrong)
    return wrong.what, wrong.remedy


def _empty(place: _Place, _: ErrorDetails) -> tuple[str, str]:
    return "is empty", place.example()


def _out_of_range(_: _Place, error: ErrorDetails) -> tuple[str, str]:
    limit = error["msg"].removeprefix("Input should be ")
    return f"is {error['input']}", f"make it {limit}"


def _wrong_type(place: _Place, error: ErrorDetails) -> tuple[str, str]:
    given = error["input"]
    if isinstance(given, dict) and place.key[-1] in ("target", "rule"):
        return "is one table, not a list of them", "double the brackets of its header"
    expected = _EXPECTED[error["type"]]
    return f"must be {expected}, not {_described(given)}", place.example()


def _other(place: _Place, error: ErrorDetails) -> tuple[str, str]:
    return f"is refused: {error['msg']}", place.example()


_SAID: dict[str, Callable[[_Place, ErrorDetails], tuple[str, str]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_not_found": _no_action,
    "union_tag_invalid": _unknown_action,
    "literal_error": _unknown_word,
    "value_error": _wrong,
    "too_short": _empty,
    "string_too_short": _empty,
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than_equal": _out_of_range,
}


def _not_a_choice(given: object, known: Sequence[str]) -> tuple[str, str]:
    text = str(given).upper() if known[0].isupper() else str(given)
    near = words.did_you_mean(text, known)
    guess = f"; did you mean {words.quote(near)}?" if near else ""
    return f"{_described(given)} is not a choice here", _choices(known) + guess


def _choices(known: Sequence[str]) -> str:
    return f"write {words.any_of([words.quote(each) for each in known])}"


def _toml(value: Any) -> str:  # noqa: ANN401  # any TOML value
    match value:
        case dict():
            pairs = ", ".join(f"{key} = {_toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}"
        case list():
            return f"[{', '.join(_toml(item) for item in value)}]"
        case _:
            return json.dumps(value)


def _described(value: object) -> str:
    for types, name in _DESCRIBED:
        if isinstance(value, types):
            return name
    return words.quote(value) if isinstance(value, str) else json.dumps(value)
