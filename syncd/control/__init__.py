"""The control socket: what the running syncd of a project can be asked.

    syncd status ──▶ one line of JSON ──▶ the running `syncd watch`
                 ◀── one line of JSON ◀──

`Claim` makes it one instance per project, `Hub` spreads events, `serve` answers, and
`Client` asks.
"""

from syncd.control.claim import Claim, Record, find
from syncd.control.client import Client, connect
from syncd.control.hub import Hub
from syncd.control.server import Service, serve
from syncd.control.status import (
    BatchStatus,
    ReplicaStatus,
    SkippedStatus,
    Status,
    TargetStatus,
    Waited,
)


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
    "connect",
    "find",
    "serve",
]
