"""What a check has found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from syncd.errors import SyncdError


Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: What was looked at.
        verdict: `warning`: syncd works, and could do better.
        said: What was found.
        remedy: What mends it, or "".
    """

    check: str
    verdict: Verdict
    said: str
    remedy: str = ""

    @classmethod
    def failed(cls, check: str, error: SyncdError) -> Self:
        """Return what an error says of a check."""
        return cls(check, "failed", str(error), error.hint)


Tell = Callable[[Finding], None]
