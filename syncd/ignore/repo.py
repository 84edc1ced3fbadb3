"""Where a folder's git repository is."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree and what stands behind it.

    Attributes:
        work_tree: The folder that holds `.git`.
        git_dir: What is this tree's own: its index and its HEAD.
        common_dir: What linked working trees share: `info/exclude`.
    """

    work_tree: Path
    git_dir: Path
    common_dir: Path

    @property
    def lock(self) -> Path:
        """The file that stands while git rewrites the working tree."""
        return self.git_dir / "index.lock"


def find(folder: Path) -> Repository | None:
    """Return the repository that `folder` lies in."""
    for work_tree in (folder, *folder.parents):
        git_dir = _git_dir(work_tree / ".git")
        if git_dir is not None:
            return Repository(work_tree, git_dir, _common_dir(git_dir))
    return None


def _git_dir(dot_git: Path) -> Path | None:
    if (dot_git / "HEAD").is_file():
        return dot_git
    # Submodules and linked working trees have a file that says where.
    text = _first_line(dot_git)
    if not text.startswith("gitdir: "):
        return None
    return Path(os.path.normpath(dot_git.parent / text.removeprefix("gitdir: ")))


def _common_dir(git_dir: Path) -> Path:
    return Path(os.path.normpath(git_dir / _first_line(git_dir / "commondir")))


def _first_line(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes()).partition("\n")[0].rstrip("\r")
    except OSError:
        return ""
