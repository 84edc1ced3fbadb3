"""An event in words; `lines` has the words."""

from dataclasses import dataclass
from functools import singledispatch
from typing import Protocol

from syncd import events
from syncd.events import Event, Level
from syncd.ui.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An event in words.

    Attributes:
        subject: What it is about: a file, a container, a target.
        said: What happened to it.
        hint: What the reader can do, or "".
        body: Further lines, such as the output of a command.
        level: How much it matters; `debug` is shown with -v.
    """

    subject: str
    said: str
    hint: str = ""
    body: tuple[str, ...] = ()
    level: Level = "info"


@singledispatch
def line(event: Event) -> Line:
    """Return what `event` says.

    One that has no words of its own yet says its name and its fields.
    """
    fields = events.as_dict(event)
    hint = str(fields.pop("hint", ""))
    said = " ".join(f"{name}={safe(str(value))}" for name, value in fields.items())
    return Line(subject=event.name, said=said, hint=safe(hint), level=event.level)


class _OfContainer(Protocol):
    @property
    def pod(self) -> str: ...
    @property
    def container(self) -> str: ...


def container(event: _OfContainer) -> str:
    """Return what a container is called."""
    return safe(f"{event.pod}/{event.container}")
