"""Every error that syncd raises on purpose, split by who must act.

    SyncdError
    ├── ConfigError      you must change something          exit 2, never retried
    ├── Halted           a guard refused                    exit 3, waits for a person
    ├── TargetError      the Pod or container cannot        exit 4, until Pods change
    ├── TransportError   the wire or the API broke          exit 5, retried with back-off
    │   └── ProtocolError   the peer broke the protocol
    ├── Absent           no syncd runs that could answer    exit 6
    └── Overdue          what was waited for did not come   exit 7

Whether something is tried again follows from the type alone. Errors of libraries
are translated once, on the floor that imports the library.
"""

from typing import ClassVar


class SyncdError(Exception):
    """Base of all foreseeable failures.

    Attributes:
        hint: What the reader can do about it, one sentence, or "".
        exit_code: What the process exits with when this ends a command.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(SyncdError):
    """The settings or the command line are wrong; nothing was done."""

    exit_code = 2


class Halted(SyncdError):
    """A guard refused to go on: a foreign cluster, a vanished folder."""

    exit_code = 3


class TargetError(SyncdError):
    """The workload, Pod or container cannot be synced as it is."""

    exit_code = 4


class TransportError(SyncdError):
    """The API server cannot be reached or used, or a stream broke."""

    exit_code = 5


class ProtocolError(TransportError):
    """The peer sent what no peer should send."""


class Absent(SyncdError):
    """No syncd watches the project, so there is nobody to ask."""

    exit_code = 6


class Overdue(SyncdError):
    """What was waited for did not come in the time that was given."""

    exit_code = 7


def first(group: BaseExceptionGroup[SyncdError]) -> SyncdError:
    """Return the error of `group` that a person should read.

    What must be changed by somebody comes before what may pass by itself.
    """
    leaves: list[SyncdError] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop()
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        elif isinstance(error, SyncdError):
            leaves.append(error)
    return min(leaves, key=lambda error: isinstance(error, TransportError))
