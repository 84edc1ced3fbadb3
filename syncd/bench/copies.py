"""Copies of the folder, one for each mode: nobody's own files are edited."""

import os
import shutil
from pathlib import Path

from syncd.config import Settings
from syncd.daemon import rules
from syncd.daemon.folder import Folder
from syncd.errors import ConfigError
from syncd.tree import Entry, Kind, Tree


def local(settings: Settings) -> Path:
    """Return the one folder of `settings`."""
    ((sync,),) = (target.sync for target in settings.targets)
    return sync.local


async def opened(settings: Settings) -> Folder:
    """Return the one folder of `settings` with what of it is synced.

    Raises:
        SyncdError: If the folder or its rules cannot be read.
    """
    (target,) = settings.targets
    (sync,) = target.sync
    return await Folder.open(
        sync.local,
        rules.ignored(target, sync),
        lambda _: None,
        project=settings.project,
    )


def copy(source: Path, tree: Tree, to: Path) -> None:
    """Copy what `tree` names from `source` into the folder `to`."""
    to.mkdir(parents=True, exist_ok=True)
    for path, entry in sorted(tree.items()):
        _copy(os.fsencode(source) + b"/" + path, os.fsencode(to) + b"/" + path, entry)


def _copy(source: bytes, target: bytes, entry: Entry) -> None:
    match entry.kind:
        case Kind.DIR:
            os.makedirs(target, exist_ok=True)  # noqa: PTH103  # a name may be bytes
        case Kind.LINK:
            os.symlink(entry.target, target)  # noqa: PTH211  # a name may be bytes
        case Kind.FILE:
            shutil.copy2(source, target)


def sole(settings: Settings, file: Path | None) -> Settings:
    """Return `settings` with the one target and folder that hold `file`.

    Args:
        settings: Of any number.
        file: None takes the first folder that there is.

    Raises:
        ConfigError: If none does.
    """
    for target in settings.targets:
        for sync in target.sync:
            if file is None or (sync.local / file).is_file():
                only = target.model_copy(update={"sync": (sync,)})
                return settings.model_copy(update={"targets": (only,)})
    raise ConfigError(
        f"no folder that is synced has a file {file}",
        hint="name the file with --file, relative to the folder",
    )


def moved(settings: Settings, folder: Path) -> Settings:
    """Return settings of one folder with `folder` in its place, and no rebuilds."""
    (target,) = settings.targets
    (sync,) = target.sync
    sync = sync.model_copy(update={"local": folder})
    target = target.model_copy(update={"sync": (sync,), "rebuild": None})
    return settings.model_copy(update={"targets": (target,), "project": folder})
