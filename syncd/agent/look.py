"""What is there: who this is, what folders hold, what files contain."""

# pathlib would double the start-up.
# ruff: noqa: PTH109, PTH113, PTH116, PTH118
from __future__ import annotations

import os
import stat
import sys
import time

from syncd.agent.folders import (
    ABSENT,
    READ,
    Root,
    checked,
    is_file,
    is_temporary,
    joint,
)
from syncd.agent.link import CHUNK, Answer, Refused
from syncd.agent.stream import sha256


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from syncd.agent.link import Wire
    from syncd.agent.scratch import Temporaries


def self_portrait(roots: Sequence[str], tools: Sequence[str]) -> dict[str, object]:
    """Return who this is and what it may do."""
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "pid": os.getpid(),
        "uid": os.geteuid(),
        "gid": os.getegid(),
        "user": user_name(),
        "cwd": working_folder(),
        "time_ns": time.time_ns(),
        "roots": [root_facts(path) for path in roots],
        "tools": {name: which(name) for name in tools},
    }


def user_name() -> str:
    """Return the name of the user, or the number if it has none."""
    try:
        import pwd  # noqa: PLC0415 - not every Python has it

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return str(os.geteuid())


def working_folder() -> str:
    """Return the working folder, "" if it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def root_facts(path: str) -> dict[str, object]:
    """Return what there is to know of a root."""
    real = os.path.realpath(path)
    try:
        kind = kind_of(os.stat(real).st_mode)
    except OSError:
        kind = ""
    return {
        "path": path,
        "realpath": real,
        "exists": bool(kind),
        "kind": kind,
        "writable": os.access(real, os.W_OK | os.X_OK),
    }


def kind_of(mode: int) -> str:
    """Return f for a file, d for a directory, l for a link, o for any other."""
    kinds = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}
    return kinds.get(stat.S_IFMT(mode), "o")


def which(name: str) -> str | None:
    """Return where a program is, if it is on the path."""
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None


def list_folders(
    wire: Wire, root: Root, temporaries: Temporaries, message: Mapping[str, Any]
) -> None:
    """Answer with what folders hold, one level each; stale temporaries are swept."""
    answer = Answer(wire, "list", message, "entries")
    for folder in message["dirs"]:
        try:
            fd = root.readable(checked(folder) if folder else "")
        except (OSError, Refused) as exc:
            if getattr(exc, "errno", 0) not in ABSENT:
                answer.fail(folder, exc)
            continue
        try:
            with os.scandir(fd) as entries:
                for found in entries:
                    add_entry(answer, folder, found, fd, temporaries)
        except OSError as exc:
            answer.fail(folder, exc)
        finally:
            os.close(fd)
    answer.close()


def add_entry(
    answer: Answer,
    folder: str,
    found: os.DirEntry[str],
    fd: int,
    temporaries: Temporaries,
) -> None:
    """Add what was found in a folder to the answer, or sweep it away."""
    path = joint(folder, found.name)
    try:
        facts = found.stat(follow_symlinks=False)
        kind = kind_of(facts.st_mode)
        target = os.readlink(found.name, dir_fd=fd) if kind == "l" else ""
        if is_temporary(found.name):
            if temporaries.is_stale(found.name, facts.st_mtime):
                os.unlink(found.name, dir_fd=fd)
            return
    except FileNotFoundError:
        return  # it went while we looked
    except OSError as exc:
        answer.fail(path, exc)
        return
    mode = 0 if kind == "l" else facts.st_mode & 0o777
    size = facts.st_size if kind == "f" else 0
    entry = [path, kind, mode, size, facts.st_mtime_ns, target]
    answer.add("entries", entry, path + target)


def hash_files(wire: Wire, root: Root, message: Mapping[str, Any]) -> None:
    """Answer with the digests of files."""
    answer = Answer(wire, "hash", message)
    for path in message["paths"]:
        try:
            answer.set("digests", path, file_digest(wire, root, checked(path)))
        except (OSError, Refused) as exc:
            answer.fail(path, exc)
    answer.close()


def file_digest(wire: Wire, root: Root, path: str) -> str:
    """Return the digest of a file's content."""
    fd, name = root.parent(path)
    source = os.open(name, READ, dir_fd=fd)
    try:
        if not is_file(os.fstat(source)):
            raise Refused("blocked", "it is not a plain file")
        content = sha256()
        while True:
            data = os.read(source, CHUNK)
            if not data:
                return content.hexdigest()
            content.update(data)
            wire.busy()
    finally:
        os.close(source)
