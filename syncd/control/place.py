"""Where the socket of a project stands. Nobody else may reach it.

The record, and the lock on it, is in the state folder: it must be found from any
environment of the same user. The socket is where sockets are cleared away at the end of
a session, if there is such a place; the record says where.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from syncd.errors import ConfigError
from syncd.state import name_of, state_folder


LONGEST = 100  # bytes of a socket's path; systems allow 104 to 108


def record_of(project: Path) -> Path:
    """Return the file that says who watches a project."""
    return state_folder() / "run" / f"{name_of(os.path.realpath(project))}.json"


def records() -> Iterator[Path]:
    """Yield the files of all projects that were ever watched."""
    return (state_folder() / "run").glob("*.json")


def socket_of(project: Path) -> Path:
    """Return where the socket of a project goes; its folder is made if need be.

    Raises:
        ConfigError: If there is no folder that is this user's alone.
    """
    name = f"{name_of(os.path.realpath(project))[:16]}.sock"
    for folder in _folders():
        path = folder / name
        if len(os.fsencode(path)) <= LONGEST and _is_ours_alone(folder):
            return path
    raise ConfigError(
        "there is no folder for the control socket that belongs to this user alone",
        hint="set XDG_RUNTIME_DIR to one that does, with a short path",
    )


def private(folder: Path) -> None:
    """Make a folder that only this user can enter.

    Raises:
        ConfigError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            f"syncd cannot keep its state in {folder}: {error.strerror}",
            hint="set XDG_STATE_HOME to a folder that you may write",
        ) from error


def _folders() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):  # noqa: PTH117  # the text, before it is a path
        yield Path(runtime) / "syncd"
    yield state_folder() / "run"
    yield Path(tempfile.gettempdir()) / f"syncd-{os.getuid()}"


def _is_ours_alone(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        folder.chmod(0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
