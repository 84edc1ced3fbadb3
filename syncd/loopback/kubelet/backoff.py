"""How long a container that ended waits for its next run (pure)."""

from dataclasses import dataclass

from syncd.loopback.dialect import Dialect, Pace


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait in two parts, as the status shows it.

    Attributes:
        delay_s: What the kubelet calls it.
        silent_s: While the status still says that the run ended.
        told_s: While it says `CrashLoopBackOff`.
    """

    delay_s: float
    silent_s: float
    told_s: float


def wait(failures: int, pace: Pace, dialect: Dialect) -> Wait | None:
    """Return the wait after so many runs in a row; none after the first.

    1.20 notices late that it has to wait, and then notices late that it is over. 1.36
    is on time, and says what it waited for when that is nearly done.
    """
    if failures < 2:
        return None
    base = pace.crash_backoff_s
    delay = min(base * 2 ** (failures - 2), pace.crash_backoff_cap_s)
    if dialect.modern:
        return Wait(delay, 1.1 * delay, 0.01 * base)
    silent = 1.3 * base
    return Wait(delay, silent, max(1.45 * delay - silent, 0.14 * base))


def go_duration(seconds: float) -> str:
    """Write a duration as Go does: `10s`, `1m20s`, `400ms`."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:g}s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown
