"""One container's life: connect, reconcile, stream batches, reconnect."""

from syncd.session.dial import dial
from syncd.session.link import Ack, Failure, Hello, Link, Note, Ran, RootState, Sent
from syncd.session.mark import Mark, Outcome
from syncd.session.owed import Root
from syncd.session.report import Who
from syncd.session.session import Session
from syncd.session.shipping import COMPARISON
from syncd.session.stream import Patience
from syncd.session.ways import Ways


__all__ = [
    "COMPARISON",
    "Ack",
    "Failure",
    "Hello",
    "Link",
    "Mark",
    "Note",
    "Outcome",
    "Patience",
    "Ran",
    "Root",
    "RootState",
    "Sent",
    "Session",
    "Ways",
    "Who",
    "dial",
]
