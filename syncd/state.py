"""Where syncd keeps what it must remember between runs."""

import hashlib
import os
from pathlib import Path

from syncd.errors import ConfigError


def state_folder() -> Path:
    """Return syncd's own folder, by the XDG Base Directory Specification.

    Raises:
        ConfigError: If nothing says where that is.
    """
    for base in (os.environ.get("XDG_STATE_HOME", ""), "~/.local/state"):
        # Unlike Path.expanduser(), this does not raise where there is no home.
        folder = os.path.expanduser(base)  # noqa: PTH111  # see above
        if os.path.isabs(folder):  # noqa: PTH117  # the text, before it is a path
            return Path(folder) / "syncd"
    raise ConfigError(
        "there is no home folder where syncd could keep its state",
        hint="set XDG_STATE_HOME to a folder that you may write",
    )


def name_of(*place: str) -> str:
    """Return a file name for what the words describe, the same in every run."""
    said = "\0".join(place).encode("utf-8", "surrogateescape")
    return hashlib.sha256(said).hexdigest()[:32]
