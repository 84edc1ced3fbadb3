"""What every event has, and how it becomes plain values."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal


Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        name: The dotted name that programs match on.
        level: `warning` means syncd is retrying, `error` that a person must act.
    """

    name: ClassVar[str]
    level: ClassVar[Level] = "info"


Emit = Callable[[Event], None]


def as_record(event: Event, at: dt.datetime) -> dict[str, object]:
    """Return `event` as programs read it: its name, when it was told, its fields.

    Args:
        event: The event.
        at: When, with a zone.
    """
    ts = at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    head = {"event": event.name, "ts": ts.replace("+00:00", "Z"), "level": event.level}
    return {**head, **as_dict(event)}


def as_dict(event: Event) -> dict[str, object]:
    r"""Return the fields of `event` as plain JSON values, without its name.

    Bytes become text with undecodable bytes as `\\xNN`.
    """
    return {
        field.name: _plain(getattr(event, field.name))
        for field in dataclasses.fields(event)
    }


def _plain(value: object) -> object:
    match value:
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case tuple() | list() | set() | frozenset():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(_plain(key)): _plain(item) for key, item in value.items()}
        case float():
            return round(value, 3)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                field.name: _plain(getattr(value, field.name))
                for field in dataclasses.fields(value)
            }
        case _:
            return value
