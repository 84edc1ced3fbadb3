"""Where an object is, how it is to be written, and what a write left behind."""

from dataclasses import dataclass

from syncd.loopback.catalog import Resource
from syncd.loopback.store import Object


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is, or is to be."""

    resource: Resource
    namespace: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How a write is to be done: the query parameters of every write.

    Attributes:
        validation: What to do about unknown fields: `Strict`, `Warn` or `Ignore`.
        force: Server-side apply takes fields from their owners.
    """

    manager: str = "unknown"
    dry_run: bool = False
    validation: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind."""

    obj: Object
    created: bool = False
    warnings: tuple[str, ...] = ()
