"""What is done around a save: the patterns of edits that people and tools make."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


PREFIX = "syncd_bench_"
"""What the names of all files begin with that a pattern makes."""

_SIDE_FILES = 20
_SHARED, _OWN = 40, 10  # files of both branches, and of each alone

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
    """Put into `folder` what the edits of `pattern` start from, and nothing older."""
    clear(folder)
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


def clear(folder: Path) -> None:
    """Take out of `folder` all that patterns have made in it."""
    for path in folder.glob(PREFIX + "*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
