"""Where syncd keeps what it must remember between runs."""

import hashlib
import os
from pathlib import Path


def state_folder() -> Path:
    """Return syncd's own folder, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    # Unlike Path.expanduser(), this does not raise where there is no home.
    return Path(os.path.expanduser(base)) / "syncd"  # noqa: PTH111  # see above


def name_of(*place: str) -> str:
    """Return a file name for what the words describe, the same in every run."""
    said = "\0".join(place).encode("utf-8", "surrogateescape")
    return hashlib.sha256(said).hexdigest()[:32]
