"""The edits: what a person or a tool does to the files, with a marker to look for."""

import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import ConfigError


PREFIX = "syncd_bench_"
"""What the names of all files begin with that a measurement makes."""

_SIDE_FILES = 20
_SHARED, _OWN = 40, 10  # files of both branches, and of each alone
_BURST = 4
_BURST_GAP_S = 0.03


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit that was made.

    Attributes:
        folder: Where it was made.
        marker: What to look for.
        saved_s: Monotonic time at which its last file began to be written.
        began_s: The same of its first.
        changed: What was written, relative to the folder.
        deleted: What is no longer there.
        size: Bytes written.
    """

    folder: Path
    marker: str
    saved_s: float
    began_s: float
    changed: tuple[Path, ...]
    deleted: tuple[Path, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Subject:
    """The file that holds the marker, in a folder that may be edited.

    Attributes:
        folder: A copy.
        file: Relative to it.
        text: What the file holds at first.
        old: The part of it that a marker takes the place of.
    """

    folder: Path
    file: Path
    text: str
    old: str

    @classmethod
    def of(cls, folder: Path, file: Path, old: str) -> "Subject":
        """Read the file.

        Raises:
            ConfigError: If it is not the folder's own, cannot be read, or does not hold
                `old`.
        """
        try:
            text = _own(folder, file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{file} cannot be edited: {error}",
                hint="name with --file a text file of the folder that is synced",
            ) from error
        if old not in text:
            raise ConfigError(
                f"{file} does not hold the text {old!r}",
                hint="name with --marker a text in it that shows in the answer",
            )
        return cls(folder, file, text, old)

    def with_marker(self, marker: str) -> str:
        """Return the text of the file with `marker` in place."""
        return self.text.replace(self.old, marker, 1)


def _own(folder: Path, file: Path) -> Path:
    """Return where `file` is; what is edited must lie in the folder and nowhere else."""
    if file.is_absolute() or ".." in file.parts:
        raise ConfigError(
            f"{file} is not a path below the folder",
            hint="name the file with --file, relative to the folder that is synced",
        )
    path = folder / file
    if path.resolve() != folder.resolve() / file:
        # A copy of the link would lead to where it leads here: to the user's own file.
        raise ConfigError(
            f"{file} is a link, or behind one",
            hint="name with --file the file that it leads to, or another",
        )
    return path


Around = Callable[[Path, int], tuple[list[Path], list[Path]]]
"""Does what comes before the last save; returns what it wrote and what it deleted."""


def _nothing(_folder: Path, _number: int) -> tuple[list[Path], list[Path]]:
    return [], []


def _files(folder: Path, number: int) -> tuple[list[Path], list[Path]]:
    names = [Path(f"{PREFIX}{index:02}.py") for index in range(_SIDE_FILES - 1)]
    for name in names:
        (folder / name).write_text(f"EDIT = {number}\n" * 20)
    return names, []


def _rename(folder: Path, number: int) -> tuple[list[Path], list[Path]]:
    old, new = _side(number), _side(number + 1)
    (folder / old).rename(folder / new)
    return [new], [old]


def _delete(folder: Path, number: int) -> tuple[list[Path], list[Path]]:
    (folder / _side(number)).unlink()
    return [], [_side(number)]


def _branch(folder: Path, number: int) -> tuple[list[Path], list[Path]]:
    """Go to another branch: files of both change, those of one come and go."""
    both = [Path(PREFIX + "pkg") / f"both_{index:02}.py" for index in range(_SHARED)]
    old, new = (_branch_files(each % 2) for each in (number, number + 1))
    for path in [*both, *new]:  # as git does it: away, and written anew
        (folder / path).unlink(missing_ok=True)
        (folder / path).write_text(f"BRANCH = {number}\n" * 20)
    for path in old:
        (folder / path).unlink()
    return [*both, *new], old


def _branch_files(branch: int) -> list[Path]:
    folder = Path(PREFIX + "pkg")
    return [folder / f"only_{branch}_{index:02}.py" for index in range(_OWN)]


def _side(number: int) -> Path:
    return Path(f"{PREFIX}side_{number}.py")


PATTERNS: Mapping[str, Around] = {
    "save": _nothing,
    "burst": _nothing,
    "files20": _files,
    "rename": _rename,
    "delete": _delete,
    "branch-switch": _branch,
}


def prepare(pattern: str, folder: Path, numbers: Iterable[int]) -> None:
    """Put into `folder` what the edits of `pattern` start from."""
    wanted = list(numbers)
    if pattern == "branch-switch":
        (folder / (PREFIX + "pkg")).mkdir()
        for path in _branch_files(wanted[0] % 2):
            (folder / path).write_text("EDIT = 0\n")
    if pattern == "rename":
        wanted = wanted[:1]
    if pattern in {"rename", "delete"}:
        for number in wanted:
            (folder / _side(number)).write_text("EDIT = 0\n")


def undo(subject: Subject) -> None:
    """Put the folder back as it was before the first edit."""
    for path in subject.folder.glob(PREFIX + "*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (subject.folder / subject.file).write_text(subject.text)


def removal(remote: str) -> str:
    """Return a shell script that takes what edits may have left out of a container.

    Args:
        remote: The folder there.
    """
    return f"rm -rf {shlex.quote(remote)}/{PREFIX}*"


def make(pattern: str, subject: Subject, number: int, marker: str) -> Edit:
    """Make an edit; the file with the marker is written last.

    Args:
        pattern: One of `PATTERNS`.
        subject: The file.
        number: Of the edit, from where `prepare` was told, in steps of one.
        marker: A text that was never served.
    """
    file = subject.folder / subject.file
    began_s = time.monotonic()
    changed, deleted = PATTERNS[pattern](subject.folder, number)
    if pattern == "burst":
        for part in range(1, _BURST):
            file.write_text(subject.with_marker(f"part {part} of {number}"))
            time.sleep(_BURST_GAP_S)
    text = subject.with_marker(marker)
    saved_s = time.monotonic()
    file.write_text(text)
    changed = [*changed, subject.file]
    return Edit(
        folder=subject.folder,
        marker=marker,
        saved_s=saved_s,
        began_s=began_s,
        changed=tuple(changed),
        deleted=tuple(deleted),
        size=sum((subject.folder / path).stat().st_size for path in changed),
    )
