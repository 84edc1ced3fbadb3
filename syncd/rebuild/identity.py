"""Which image it is: the digest of what it is built from. Pure."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from syncd.rebuild.normal import Facts, insignificant


TAG = "syncd-"
_NAMED = 4  # how many facts a sentence names


@dataclass(frozen=True)
class Identity:
    """What an image is built from, in normal form.

    Attributes:
        forms: The facts of each input, by its path relative to the context.
    """

    forms: Mapping[str, Facts] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits: the same for the same facts, on any machine."""
        facts = [[path, list(self.forms[path])] for path in sorted(self.forms)]
        # The number changes when the same inputs would come to mean another image.
        text = json.dumps(["syncd inputs 1", facts], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def tag(self) -> str:
        """The image's tag."""
        return tag(self.digest)


def tag(digest: str) -> str:
    """Return the tag of the image whose inputs have this digest."""
    return f"{TAG}{digest[:12]}"


@dataclass(frozen=True, slots=True)
class Difference:
    """In what one input differs.

    Attributes:
        path: Relative to the context.
        added: Facts that are new.
        removed: Facts that are gone.
    """

    path: str
    added: Facts
    removed: Facts

    def __str__(self) -> str:
        """Read as `requirements.txt: + httpx>=0.28`."""
        facts = [f"+ {_brief(fact)}" for fact in self.added]
        facts += [f"- {_brief(fact)}" for fact in self.removed]
        more = f", {len(facts) - _NAMED} more" if len(facts) > _NAMED else ""
        shown = ", ".join(facts[:_NAMED]) or "in another order"
        return f"{self.path}: {shown}{more}"


def differences(old: Identity, new: Identity) -> tuple[Difference, ...]:
    """Return in what two identities differ, by path."""
    return tuple(_differences(old.forms, new.forms))


def _differences(
    old: Mapping[str, Facts], new: Mapping[str, Facts]
) -> Iterator[Difference]:
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before != after:
            known, wanted = set(before or ()), set(after or ())
            added = tuple(fact for fact in after or () if fact not in known)
            removed = tuple(fact for fact in before or () if fact not in wanted)
            yield Difference(path, added, removed)


def why_not(edited: Collection[str]) -> str:
    """Return why edits of these inputs, that left the digest alone, do not count."""
    kinds = {insignificant(path) for path in edited}
    if len(kinds) == 1 and "" not in kinds:
        return f"only {kinds.pop()} changed"
    return "nothing that an image is built from changed"


def _brief(fact: str) -> str:
    """Return a fact as a person would name it: a locked package by name and version."""
    if fact.startswith("{"):
        try:
            package = json.loads(fact)
            return f"{package['name']} {package['version']}"
        except (ValueError, KeyError, TypeError):
            pass  # some other table: as it is
    return fact if len(fact) <= 60 else f"{fact[:59]}…"
