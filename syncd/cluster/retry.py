"""When an answer is worth another try, and after what pause."""

import random

from syncd.cluster.failures import Answer
from syncd.cluster.ports import Timing


ATTEMPTS = 4
"""How often a request is made at most."""

_MOST_PATIENT_S = 10.0
_IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})


def backoff(attempt: int, timing: Timing) -> float:
    """Return the pause before try number `attempt` (from 1), doubling and jittered.

    Jitter keeps many clients from coming back to a restarted server at once.
    """
    pause = min(timing.retry_most, timing.retry_first * 2.0 ** min(attempt - 1, 30))
    return pause * random.uniform(0.5, 1.5)  # noqa: S311 - no secret is made of it


def pause_before_retry(
    method: str, answer: Answer, attempt: int, timing: Timing
) -> float | None:
    """Return how long to wait before asking again, or None if that is no use.

    Args:
        method: The HTTP method. One that is not idempotent is only repeated after 429,
            which says that nothing was done.
        answer: What the server said.
        attempt: How often it was asked.
        timing: The pauses.
    """
    after = _retry_after(answer)
    busy = answer.status == 429 and (method in _IDEMPOTENT or after is not None)
    broken = method in _IDEMPOTENT and (
        answer.status in {502, 503, 504} or (answer.status == 500 and after is not None)
    )
    if attempt >= ATTEMPTS or not (busy or broken):
        return None
    pause = max(after or 0.0, backoff(attempt, timing))
    return None if pause > _MOST_PATIENT_S else pause


def _retry_after(answer: Answer) -> float | None:
    """Return the seconds of Retry-After; its other form, a date, is not used here."""
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() else None
