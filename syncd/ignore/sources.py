"""The files that rules stand in, read from the disk."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from syncd.ignore import repo
from syncd.ignore.docker import DockerFolder, DockerRules
from syncd.ignore.repo import Repository
from syncd.ignore.rules import Rules, Standing, read_lines


DOCKER = b".dockerignore"
GIT = b".gitignore"
OWN = b".syncdignore"
RULE_FILES = frozenset({DOCKER, GIT, OWN})


@dataclass(frozen=True, slots=True)
class Sources:
    """Where rules can stand for one sync root.

    Attributes:
        root: The sync root, links resolved.
        project: The highest folder whose rules count.
        repository: The git repository that the root lies in.
        context: The build context whose `.dockerignore` counts, or None: then
            `.gitignore` files count.
        docker_file: That file, links resolved.
    """

    root: Path
    project: Path
    repository: Repository | None
    context: Path | None
    docker_file: Path | None

    @classmethod
    def of(cls, root: Path, project: Path | None) -> "Sources":
        """Look around `root`.

        Args:
            root: The sync root.
            project: The highest folder whose rules count; if None, the repository's.
        """
        root = root.resolve()
        repository = repo.find(root)
        if project is None:
            project = repository.work_tree if repository else root
        within = [f for f in (root, *root.parents) if f.is_relative_to(project)]
        files = ((f, _docker_file(f)) for f in within)
        context, docker_file = next(((f, d) for f, d in files if d), (None, None))
        project = within[-1] if within else root
        return cls(root, project, repository, context, docker_file)

    @property
    def docker_path(self) -> bytes | None:
        """Docker's file relative to the root, if it lies there."""
        file = self.docker_file
        if file is None or not file.is_relative_to(self.root):
            return None
        return bytes(file.relative_to(self.root))

    @property
    def above(self) -> tuple[Path, ...]:
        """The folders above the root whose rules count, the nearest first."""
        parents = self.root.parents
        return tuple(f for f in parents if f.is_relative_to(self.project))

    def outside(self) -> tuple[tuple[Path, frozenset[bytes]], ...]:
        """Return the folders outside of the root, and which files there hold rules."""
        folders = [(folder, RULE_FILES) for folder in self.above]
        file = self.docker_file
        if file is not None and not file.is_relative_to(self.root):
            folders.append((file.parent, frozenset({os.fsencode(file.name)})))
        if self.repository is not None:
            info = self.repository.common_dir / "info"
            folders.append((info, frozenset({b"exclude"})))
        return tuple(folders)

    def docker(self) -> DockerFolder | None:
        """Return Docker's rules at the root, where they count.

        Raises:
            ConfigError: If Docker would refuse them.
        """
        if self.context is None or self.docker_file is None:
            return None
        text = _read(os.fsencode(self.docker_file)) or b""
        name = self._name(self.context / os.fsdecode(DOCKER))
        return DockerRules(text, name, above=self._from(self.context)).top()

    def git(self) -> Iterator[Rules]:
        """Yield git's rules from outside of the root, from the last word down."""
        if self.repository is None:
            return
        for folder in self.above:
            if folder.is_relative_to(self.repository.work_tree):
                yield self._above(folder, GIT, Standing.PROJECT)
        path = self.repository.common_dir / "info" / "exclude"
        text = _read(os.fsencode(path), follow=True) or b""
        lines = read_lines(text, self._name(path), Standing.PROJECT)
        yield Rules(lines, above=self._from(self.repository.work_tree))

    def own(self) -> Iterator[Rules]:
        """Yield the rules of `.syncdignore` files above the root."""
        for folder in self.above:
            yield self._above(folder, OWN, Standing.OWN)

    def inside(self, folder: bytes, name: bytes, standing: Standing) -> Rules | None:
        """Return the rules of the file called `name` in a folder of the root."""
        base = folder + b"/" if folder else b""
        text = _read(b"%s/%s%s" % (os.fsencode(self.root), base, name))
        if text is None:
            return None
        lines = read_lines(text, os.fsdecode(base + name), standing)
        return Rules(lines, base=base)

    def _above(self, folder: Path, name: bytes, standing: Standing) -> Rules:
        path = folder / os.fsdecode(name)
        text = _read(os.fsencode(path)) or b""
        lines = read_lines(text, self._name(path), standing)
        return Rules(lines, above=self._from(folder))

    def _from(self, folder: Path) -> bytes:
        relative = os.fsencode(os.path.relpath(self.root, folder))
        return b"" if relative == b"." else relative + b"/"

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self.root)


def _docker_file(context: Path) -> Path | None:
    """Return the file with a context's rules; Docker follows links, but not out of it."""
    file = context / os.fsdecode(DOCKER)
    if not file.is_file():
        return None
    real = file.resolve()
    return real if real.is_relative_to(context) else None


def _read(path: bytes, *, follow: bool = False) -> bytes | None:
    # git follows no link in a working tree: what it would read is not what is committed.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return b"".join(iter(lambda: os.read(file, 1 << 16), b""))
    except OSError:
        return None
    finally:
        os.close(file)
