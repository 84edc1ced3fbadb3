"""Events, of the records that crossed the control socket. Pure."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from syncd.events import Event
from syncd.ui.reference import kinds


def event_of(record: Mapping[str, Any]) -> Event | None:
    """Return the event that a record tells, or None if this syncd knows none such."""
    kind = _kinds().get(record["event"])
    if kind is None:
        return None
    hints = get_type_hints(kind)
    fields = {field.name for field in dataclasses.fields(kind)} & record.keys()
    try:
        return kind(**{name: _value(hints[name], record[name]) for name in fields})
    except TypeError:
        return None  # another version's, which tells less


@cache
def _kinds() -> dict[str, type[Event]]:
    return {kind.name: kind for kind in kinds()}


def _value(hint: Any, told: Any) -> Any:  # noqa: ANN401  # types and values of any kind
    if hint is bytes:
        return told.encode("utf-8", "backslashreplace")
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], each) for each in told)
    return told
