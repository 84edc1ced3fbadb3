"""The one settings model: read from a file, variables and flags, or refused whole."""

from syncd.config.layers import Flags
from syncd.config.load import from_arguments, load, place
from syncd.config.model import (
    IgnoreRule,
    Mode,
    Restart,
    RestartRule,
    Rule,
    RunRule,
    Settings,
    Sync,
    SyncRule,
    Target,
    Watch,
)
from syncd.config.rebuild import FromEnv, FromFile, Rebuild
from syncd.config.reloader import Reloader
from syncd.config.schema import schema


__all__ = [
    "Flags",
    "FromEnv",
    "FromFile",
    "IgnoreRule",
    "Mode",
    "Rebuild",
    "Reloader",
    "Restart",
    "RestartRule",
    "Rule",
    "RunRule",
    "Settings",
    "Sync",
    "SyncRule",
    "Target",
    "Watch",
    "from_arguments",
    "load",
    "place",
    "schema",
]
