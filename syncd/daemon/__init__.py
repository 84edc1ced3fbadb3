"""The orchestrator: folders here, containers there, and everything in between."""

from syncd.daemon.daemon import run


__all__ = ["run"]
