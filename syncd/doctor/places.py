"""Which folder here is which folder in the container: what a Dockerfile tells."""

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from syncd.rebuild.docker import instructions


DOCKERFILES = ("Dockerfile.dev", "Dockerfile")
_PROGRAM_FOLDERS = ("app", "src")
_LOOKED_AT = 2000  # files, for whether there is Python among them


@dataclass(frozen=True, slots=True)
class Place:
    """A folder here, and the one that it is in the container.

    Attributes:
        local: Relative to the project.
        why: How that is known.
    """

    local: str
    remote: str
    why: str


def find_dockerfile(project: Path) -> str:
    """Return the name of the Dockerfile to develop with, or ""."""
    return next((name for name in DOCKERFILES if (project / name).is_file()), "")


def places(project: Path, workdir: str) -> tuple[Place, ...]:
    """Return what is to be synced: at least one folder.

    Args:
        project: The folder that paths start from.
        workdir: Where the container's program runs, or "".
    """
    name = find_dockerfile(project)
    if name:
        text = (project / name).read_text("utf-8", "replace")
        copied = [place for place in _copied(text, name) if _is_there(project, place)]
        programs = [p for p in copied if has_python(project / p.local)]
        if programs or copied:
            return _apart(programs or copied)
    folders = (f for f in _PROGRAM_FOLDERS if has_python(project / f))
    local = next(folders, ".")
    said = "the container's workingDir" if workdir else "where programs usually are"
    here = f"Python code is in {local}" if local != "." else "the project as it is"
    return (Place(local, workdir or "/app", f"{here}; {said}"),)


def has_python(folder: Path) -> bool:
    """Tell whether there is Python code in a folder."""
    if not folder.is_dir():
        return False
    return any(f.suffix == ".py" for f in islice(folder.rglob("*"), _LOOKED_AT))


def _copied(text: str, name: str) -> Iterator[Place]:
    """Yield the folders that the last stage of a Dockerfile copies."""
    workdir, found = "/", list[Place]()
    for word, rest in instructions(text):
        match word:
            case "FROM":
                workdir, found = "/", []
            case "WORKDIR":
                workdir = posixpath.join(workdir, rest.strip("\"'"))
            case "COPY" if "--from=" not in rest and "$" not in rest:
                words = _words(rest)
                for source in words[:-1]:
                    remote = posixpath.normpath(posixpath.join(workdir, words[-1]))
                    local = posixpath.normpath(source.lstrip("/") or ".")
                    found.append(Place(local, remote, f"{name} copies it there"))
            case _:
                pass
    yield from found


def _words(rest: str) -> list[str]:
    words = re.sub(r"^(--\S+\s+)+", "", rest)
    if words.startswith("["):
        try:
            return [str(word) for word in json.loads(words)]
        except ValueError:
            return []
    return words.split()


def _is_there(project: Path, place: Place) -> bool:
    folder = (project / place.local).resolve()
    within = folder.is_relative_to(project.resolve())
    return within and folder.is_dir() and place.remote != "/"


def _apart(found: list[Place]) -> tuple[Place, ...]:
    """Return those that lie in no other, here or there."""
    kept: list[Place] = []
    for place in sorted(found, key=lambda place: len(place.remote)):
        inside = (
            _within(place.local, other.local) or _within(place.remote, other.remote)
            for other in kept
        )
        if not any(inside):
            kept.append(place)
    return tuple(kept)


def _within(path: str, other: str) -> bool:
    return other in {".", path} or path.startswith(f"{other}/")
