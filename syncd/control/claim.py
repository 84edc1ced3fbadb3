"""One running syncd for each project, and how it is found.

What makes a claim is a lock on the project's record. The kernel gives it back when the
process ends, however it ends: so a record that nobody locks is stale, whatever process
has the number in it by now, and one that is locked is not, however old it looks.
"""

import contextlib
import datetime as dt
import errno
import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.control.place import private, record_of, records, socket_of
from syncd.errors import Absent, ConfigError, Halted


_LEAVING_S = 0.5  # how long who was told to stop may take to be gone
_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """Who watches a project.

    Attributes:
        project: Its folder.
        since: When that began, with the zone, as ISO 8601 writes it.
        targets: What it keeps in step.
        socket: Where it answers.
    """

    project: str
    pid: int
    since: str
    targets: tuple[str, ...]
    socket: str

    def __str__(self) -> str:
        """Read as `process 4711, since 2026-03-01 14:02:31`."""
        since = dt.datetime.fromisoformat(self.since).astimezone()
        return f"process {self.pid}, since {since:%Y-%m-%d %H:%M:%S}"


class Claim:
    """The right to be the one syncd of a project, for as long as it is held.

    Args:
        project: The project's folder.
        targets: What is kept in step, for those who ask.

    Raises:
        Halted: When entered, if another process has it.
        ConfigError: When entered, if there is no place to keep it.
    """

    def __init__(self, project: Path, targets: tuple[str, ...]) -> None:
        self.record = Record(
            project=str(project),
            pid=os.getpid(),
            since=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
            targets=targets,
            socket=str(socket_of(project)),
        )
        self._path = record_of(project)
        self._lock = -1

    @property
    def socket(self) -> Path:
        """Where to answer."""
        return Path(self.record.socket)

    def __enter__(self) -> Self:
        private(self._path.parent)
        self._lock = self._locked()
        if _answers(self.socket):
            # It is not this lock that it has: its state folder is another one.
            os.close(self._lock)
            raise self._taken(None)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps(asdict(self.record)).encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.unlink(missing_ok=True)
        os.ftruncate(self._lock, 0)
        # The file stays: whoever waits for the lock has it open.
        os.close(self._lock)

    def _locked(self) -> int:
        """Return the record's file, locked."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"syncd cannot write {self._path}: {error.strerror}",
                hint="set XDG_STATE_HOME to a folder that you may write",
            ) from error
        until_s = time.monotonic() + _LEAVING_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until_s:
                    os.close(file)
                    raise self._taken(_read(self._path)) from None
                time.sleep(_AGAIN_S)
            except OSError as error:
                os.close(file)
                raise ConfigError(
                    f"{self._path} cannot be locked: {error.strerror}",
                    hint="set XDG_STATE_HOME to a folder on a local disk",
                ) from error
            else:
                return file

    def _taken(self, record: Record | None) -> Halted:
        by = str(record) if record else "another process"
        return Halted(
            f"syncd watches {self.record.project} already: {by}",
            hint="`syncd status` shows it, `syncd stop` ends it; one instance takes all"
            " [[target]] tables of a syncd.toml",
        )


def find(folder: Path) -> Record | None:
    """Return who watches the project that `folder` is, or is in."""
    for project in (folder, *folder.parents):
        record = _read(record_of(project))
        if record is not None and _answers(Path(record.socket)):
            return record
    return None


def absent(folder: Path) -> Absent:
    """Return the error for that nobody watches the project of `folder`."""
    others = "; ".join(f"{r.project} ({r})" for r in running())
    where = f"those that run: {others}" if others else "start it: syncd watch"
    return Absent(f"no syncd watches {folder} or a folder above it", hint=where)


def running() -> list[Record]:
    """Return who watches any project of this user."""
    found = [_read(path) for path in records()]
    return [r for r in found if r is not None and _answers(Path(r.socket))]


def until_gone(record: Record, limit_s: float) -> bool:
    """Wait until a claim is given back; return whether it was, in that time."""
    until_s = time.monotonic() + limit_s
    path = record_of(Path(record.project))
    with contextlib.suppress(FileNotFoundError), path.open() as file:
        while time.monotonic() < until_s:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_AGAIN_S)
            else:
                return True
        return False
    return True


def _read(path: Path) -> Record | None:
    try:
        said = json.loads(path.read_bytes())
        return Record(**{**said, "targets": tuple(said["targets"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None  # nobody does, or is about to


def _answers(path: Path) -> bool:
    """Tell whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(1)
        try:
            asking.connect(os.fspath(path))
        except TimeoutError:
            return True  # too busy to accept, but there
        except OSError as error:
            return error.errno == errno.EAGAIN
    return True
