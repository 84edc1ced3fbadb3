"""Where syncd keeps what it must remember between runs."""

import os
from pathlib import Path


def state_folder() -> Path:
    """Return syncd's own folder, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "state") / "syncd"
