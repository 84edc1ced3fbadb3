"""What a program's log says of its reloads. Pure.

Servers that reload themselves say so: that they begin, that a new process is there, that
it serves, or, by a traceback, that the new code does not start. The patterns are those of
the servers' own words; `tests/recordings/reloads/` holds what each was seen to write.
"""

from syncd.reload.patterns import PATTERNS, Pattern
from syncd.reload.reader import Reader, broken
from syncd.reload.signs import Anew, Armed, Began, Broke, Holds, Serving, Sign


__all__ = [
    "PATTERNS",
    "Anew",
    "Armed",
    "Began",
    "Broke",
    "Holds",
    "Pattern",
    "Reader",
    "Serving",
    "Sign",
    "broken",
]
