"""What can be checked without a cluster."""

import os
import sys
from pathlib import Path

from anyio import to_thread

from syncd.config import Settings, Sync, Target
from syncd.daemon import rules
from syncd.daemon.folder import ignore_of
from syncd.doctor.finding import Finding, Tell
from syncd.errors import SyncdError
from syncd.rebuild import building
from syncd.scan import Scanner
from syncd.watch import inotify


_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
_PLATFORM: str = sys.platform


async def folders(settings: Settings, tell: Tell) -> None:
    """Tell what is found of each folder, and of the watching of all."""
    watched = 0
    for target in settings.targets:
        for sync in target.sync:
            found, some = await to_thread.run_sync(_folder, settings, target, sync)
            watched += some
            tell(found)
    if _PLATFORM == "linux" and not settings.watch.poll:
        tell(await to_thread.run_sync(_inotify, watched))


async def builders(settings: Settings, tell: Tell) -> None:
    """Tell what builds the images of the targets that want that."""
    for target in settings.targets:
        if target.rebuild is None:
            continue
        check = f"builder of {target.title}"
        try:
            builder = await building.find(target.rebuild.builder)
        except SyncdError as error:
            tell(Finding.failed(check, error))
            continue
        tell(Finding(check, "ok", builder.name))
        if not target.rebuild.context.is_dir():
            said = f"the build context {target.rebuild.context} is not there"
            tell(
                Finding(check, "failed", said, "correct `context` in [target.rebuild]")
            )


def _folder(settings: Settings, target: Target, sync: Sync) -> tuple[Finding, int]:
    """Return what is found of a folder, and how many watches it costs."""
    check = f"folder {_short(sync.local, settings.project)}"
    try:
        ignore = ignore_of(sync.local, rules.ignored(target, sync), settings.project)
        scanner = Scanner(sync.local, ignore)
        scanner.scan()
    except SyncdError as error:
        return Finding.failed(check, error), 0
    dirs = len(scanner.dirs)
    files = len(scanner.tree) - dirs
    said = f"files to sync: {files:,}, folders: {dirs + 1:,}"
    if scanner.problems:
        path, problem = next(iter(scanner.problems.items()))
        name = os.fsdecode(path)
        worse = f"{said}; {len(scanner.problems):,} cannot be sent, such as {name}"
        return Finding(check, "warning", f"{worse}: {problem.reason}"), dirs + 1
    return Finding(check, "ok", said), dirs + 1


def _inotify(watched: int) -> Finding:
    check = "inotify"
    try:
        inotify.Inotify().close()
        allowed = int(_WATCHES.read_text())
    except OSError as error:
        said, remedy = inotify.diagnosis(error)
        return Finding(check, "warning", said, remedy)
    said = f"{watched:,} watches are needed, {allowed:,} are allowed to this user"
    if watched * 2 > allowed:
        more = max(1_048_576, watched * 4)
        return Finding(
            check,
            "warning",
            f"{said}, editors' included",
            f"sudo sysctl fs.inotify.max_user_watches={more}",
        )
    return Finding(check, "ok", said)


def _short(folder: Path, project: Path) -> str:
    inside = folder.is_relative_to(project) and folder != project
    return str(folder.relative_to(project) if inside else folder)


def settings_found(settings: Settings) -> Finding:
    """Return what is said of settings that make sense."""
    where = settings.source or "the command line"
    targets = ", ".join(target.title for target in settings.targets)
    return Finding("settings", "ok", f"{where}: {targets}")
