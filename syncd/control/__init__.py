"""The control socket: what the running syncd of a project can be asked.

    syncd status ──▶ one line of JSON ──▶ the running `syncd watch`
                 ◀── one line of JSON ◀──

`Claim` makes it one instance per project, `Hub` spreads events, `serve` answers, and
`Client` asks.
"""

import importlib
from typing import TYPE_CHECKING

from syncd.control.claim import Claim, Record, absent, find
from syncd.control.status import (
    BatchStatus,
    ReplicaStatus,
    SkippedStatus,
    Status,
    TargetStatus,
    Waited,
)


if TYPE_CHECKING:
    from syncd.control.client import Client, connect
    from syncd.control.hub import Hub
    from syncd.control.server import Service, serve


__all__ = [
    "BatchStatus",
    "Claim",
    "Client",
    "Hub",
    "Record",
    "ReplicaStatus",
    "Service",
    "SkippedStatus",
    "Status",
    "TargetStatus",
    "Waited",
    "absent",
    "connect",
    "find",
    "serve",
]

_LATER = {
    "Client": "client",
    "connect": "client",
    "Hub": "hub",
    "Service": "server",
    "serve": "server",
}


def __getattr__(name: str) -> object:
    """Import what needs an event loop only where it is used.

    Who asks a syncd that does not run is to be told so at once.
    """
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
