"""The build inputs of a project, read from the disk.

Which files those are is read from the Dockerfile: what it copies of the files that
installers read by habit, what it copies by name and names again in a `RUN`, the
Dockerfile itself and its `.dockerignore`; and whatever these include. So a
`pyproject.toml` that never enters the image costs no rebuild.
"""

import glob
import hashlib
import os
import posixpath
import re
import stat
import tomllib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from syncd.rebuild import docker, normal
from syncd.rebuild.identity import Identity
from syncd.rebuild.normal import Facts
from syncd.rebuild.requirements import included


_LARGEST = 16 * 2**20  # nothing that people edit to name dependencies is larger
_REQUIREMENTS = "requirements.txt"
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Input:
    """One file that an image is built from.

    Attributes:
        kind: The name whose rules it is read by: its own, but for what a requirements
            file includes, which is one too whatever it is called.
        letters: A digest of its bytes.
        stamp: What changes whenever it is written.
        facts: Its normal form.
    """

    kind: str
    letters: str
    stamp: tuple[int, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the inputs found.

    Attributes:
        identity: What an image would be built from now.
        inputs: By their paths relative to the context.
        folders: Where an input may appear or change; not what is below them.
    """

    identity: Identity
    inputs: Mapping[str, Input]
    folders: frozenset[Path]

    def edited_since(self, before: "Look") -> tuple[str, ...]:
        """Return the inputs whose bytes are not those of an earlier look."""
        now, then = _letters(self), _letters(before)
        paths = sorted(now.keys() | then.keys())
        return tuple(path for path in paths if now.get(path) != then.get(path))

    def is_newer_than(self, before: "Look") -> bool:
        """Tell whether anything was written since an earlier look."""
        return _stamps(self) != _stamps(before)


def _letters(look: Look) -> dict[str, str]:
    return {path: found.letters for path, found in look.inputs.items()}


def _stamps(look: Look) -> dict[str, tuple[int, ...]]:
    return {path: found.stamp for path, found in look.inputs.items()}


class Inputs:
    """The inputs of one image.

    Args:
        context: The folder that is built from, absolute.
        dockerfile: Relative to it.
        patterns: Globs relative to the context that name the inputs; if empty, the
            Dockerfile tells.
        arguments: Build arguments by name.
        others: Facts that are in no file of the context.
    """

    def __init__(
        self,
        context: Path,
        dockerfile: str,
        patterns: Iterable[str] = (),
        arguments: Mapping[str, str] | None = None,
        others: Facts = (),
    ) -> None:
        self.context = context
        self._dockerfile = posixpath.normpath(dockerfile)
        self._patterns = tuple(patterns)
        self._arguments = arguments or {}
        self._others = others
        self._known: dict[str, Input] = {}

    def look(self) -> Look:
        """Read the inputs; blocking. One that cannot be read is none."""
        found: dict[str, Input] = {}
        folders = {self.context}
        pending = deque(self._named(folders))
        while pending:
            path, kind = pending.popleft()
            folders.add((self.context / path).parent)
            if path not in found and (read := _read(self.context / path)) is not None:
                found[path] = self._input(path, kind, *read)
                pending += _includes(path, kind, read[0])
        self._known = found
        forms = {path: each.facts for path, each in found.items()}
        if self._others:
            forms["syncd.toml"] = self._others
        there = frozenset(folder for folder in folders if folder.is_dir())
        return Look(Identity(forms), found, there)

    def _input(self, path: str, kind: str, text: str, stamp: tuple[int, ...]) -> Input:
        letters = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        known = self._known.get(path)
        if known and (known.kind, known.letters) == (kind, letters):
            return replace(known, stamp=stamp)
        return Input(kind, letters, stamp, normal.normal_form(kind, text))

    def _named(self, folders: set[Path]) -> Iterator[tuple[str, str]]:
        """Yield the inputs that are named, or found where the Dockerfile copies from."""
        for pattern in self._patterns:
            folders.add(self.context / _base(pattern))
            yield from ((path, path) for path in self._matching(pattern))
        if self._patterns:
            return
        own_ignore = f"{self._dockerfile}.dockerignore"
        has_own = (self.context / own_ignore).is_file()
        for path in (self._dockerfile, own_ignore if has_own else ".dockerignore"):
            yield path, path
        read = _read(self.context / self._dockerfile)
        yield from self._copied(read[0] if read else "", folders)

    def _copied(self, text: str, folders: set[Path]) -> Iterator[tuple[str, str]]:
        sources = docker.copied(text, self._arguments)
        for source in (".",) if sources is None or not text else sources:
            folders.add(self.context / _base(source))
            for path in self._matching(source):
                if (self.context / path).is_dir():
                    folders.add(self.context / path)
                    within = filter(normal.is_dependency_file, self._within(path))
                    yield from ((each, each) for each in within)
                elif kind := _kind(path, text):
                    yield path, kind

    def _within(self, folder: str) -> list[str]:
        return self._matching(f"{glob.escape(folder)}/*")

    def _matching(self, pattern: str) -> list[str]:
        if not _WILD.search(pattern):
            return [posixpath.normpath(pattern)]
        found = self.context.glob(posixpath.normpath(pattern))
        return sorted(path.relative_to(self.context).as_posix() for path in found)


def _kind(path: str, text: str) -> str:
    """Return by which name a file that is copied is read; "" if it is no input."""
    if normal.is_dependency_file(path):
        return path
    ran = " ".join(rest for word, rest in docker.instructions(text) if word == "RUN")
    name = rf"(?<![\w.-]){re.escape(posixpath.basename(path))}(?![\w.-])"
    if re.search(rf"(-r|-c|--requirement|--constraint)[ =]?[^ =]*{name}", ran):
        return _REQUIREMENTS
    return path if re.search(name, ran) else ""


def _base(pattern: str) -> str:
    """Return the folder of a pattern that is sure: what is above its first wildcard."""
    return posixpath.dirname(_WILD.split(pattern, maxsplit=1)[0])


def _read(path: Path) -> tuple[str, tuple[int, ...]] | None:
    try:
        # A FIFO would keep whoever opens it waiting.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            return None
        text = os.read(opened, _LARGEST).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    finally:
        os.close(opened)
    return text, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _includes(path: str, kind: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield the files that an input includes, relative to the context."""
    found: Iterable[str] = ()
    if normal.is_requirements(kind):
        found = included(text)
    elif posixpath.basename(kind) == "pyproject.toml":
        found = _dynamic(text)
    for each in found:
        included_path = posixpath.join(posixpath.dirname(path), each)
        yield posixpath.normpath(included_path), _REQUIREMENTS


def _dynamic(text: str) -> Iterator[str]:
    """Yield the files that setuptools reads dependencies from."""
    try:
        tool = tomllib.loads(text).get("tool", {})
        tables = tool.get("setuptools", {}).get("dynamic", {})
        fields = [tables.get("dependencies", {})]
        fields += tables.get("optional-dependencies", {}).values()
        for field in fields:
            files = field.get("file", ())
            yield from [files] if isinstance(files, str) else files
    except (tomllib.TOMLDecodeError, AttributeError):
        return
