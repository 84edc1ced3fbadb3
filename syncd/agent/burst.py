"""A batch lands: deletes, folders, files, links, modes, byte-code, in one burst."""

from __future__ import annotations

import os
import stat

from syncd.agent.folders import READ, above, is_file, is_folder, is_temporary, joint
from syncd.agent.link import Refused
from syncd.agent.place import put


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from syncd.agent.batch import Batch
    from syncd.agent.folders import Root
    from syncd.agent.stream import Member


def land(batch: Batch, plan: dict[str, Any]) -> list[str]:
    """Put a staged batch in place, and return the paths that were deleted."""
    batch.root.forget()
    replica = plan["replica"]
    deletes = {entry["path"]: entry.get("recursive") for entry in plan["deletes"]}
    deleted = [
        path
        for path in sorted(deletes, reverse=True)
        if path not in batch.errors  # else what should replace it is not there
        and batch.attempt(delete, path, batch, deletes[path])
    ]
    for path, mode in sorted(plan["dirs"]):
        batch.attempt(make_folder, path, batch, mode)
    for item in sorted(batch.items, key=lambda item: item.target is not None):
        if item.path not in batch.errors:
            item.landed = batch.attempt(put_over, item.path, batch, item, replica)
    for path, mode in sorted(plan["dirs"] + plan["modes"], reverse=True):
        if path not in batch.errors:
            batch.attempt(set_mode, path, batch, mode)
    drop_byte_code(batch, [i.path for i in batch.items if i.landed] + deleted)
    return deleted


def delete(path: str, batch: Batch, recursive: object) -> None:
    """Remove what is at `path`; that it is gone already is as good."""
    found = batch.root.stat(path)
    if is_folder(found):
        remove_folder(batch, path, recursive=bool(recursive))
    elif found is not None:
        batch.root.unlink(path)


def remove_folder(batch: Batch, path: str, *, recursive: bool) -> None:
    """Remove a folder that is empty, but for what Python and agents left in it."""
    foreign = sorted(name for name in batch.root.names(path) if not is_residue(name))
    if foreign and not recursive:
        named = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        raise Refused("not-empty", "the folder still holds " + named)
    mount = batch.root.mount_in(path)
    if mount:  # before anything in it is touched
        raise Refused("busy", mount + " is a mount point")
    device = os.fstat(batch.root.folder(above(path))).st_dev
    folders = [path]
    for folder in folders:
        folders += empty(batch, folder, device)
    for folder in reversed(folders):
        batch.root.rmdir(folder)


def empty(batch: Batch, folder: str, device: int) -> list[str]:
    """Remove the files of a folder on a device, and return the folders in it."""
    if os.fstat(batch.root.folder(folder)).st_dev != device:
        raise Refused("busy", folder + " is a mount point")
    folders = []
    for name in batch.root.names(folder):
        batch.wire.busy()
        here = joint(folder, name)
        if is_folder(batch.root.stat(here)):
            folders.append(here)
        else:
            batch.root.unlink(here)
    return folders


def is_residue(name: str) -> bool:
    """Say whether a folder that holds only such names counts as empty."""
    return name == "__pycache__" or name.endswith(".pyc") or is_temporary(name)


def make_folder(path: str, batch: Batch, mode: int) -> None:
    """Make a folder, in place of whatever else is there."""
    found = batch.root.stat(path)
    if is_folder(found):
        return
    if found is not None:
        batch.root.unlink(path)
    batch.root.mkdir(path, mode)


def put_over(path: str, batch: Batch, item: Member, replica: object) -> None:
    """Put a file or link in place, of a folder too if nothing foreign is in it."""
    old = batch.root.stat(path)
    if is_folder(old):
        remove_folder(batch, path, recursive=bool(replica))
        old = None
    put(batch, item, old)


def set_mode(path: str, batch: Batch, mode: int) -> None:
    """Give a file or folder the mode that it shall have."""
    fd, name = batch.root.parent(path)
    target = -1
    try:
        target = os.open(name, READ, dir_fd=fd)
        found = os.fstat(target)
        if not is_file(found) and not is_folder(found):
            raise Refused("blocked", "it is neither a file nor a folder")
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(target, mode)
        batch.root.settle_mode(path)
    except PermissionError as exc:
        batch.note(path, "mode-refused", f"its mode stays: {exc.strerror}")
    finally:
        if target >= 0:
            os.close(target)


def drop_byte_code(batch: Batch, paths: Iterable[str]) -> None:
    """Remove what Python compiled of modules that are replaced or gone."""
    modules: dict[str, set[str]] = {}
    for path in paths:
        if path.endswith(".py"):
            name = path.rpartition("/")[2]
            modules.setdefault(above(path), set()).add(name[:-3])
    for folder, stems in modules.items():
        for path in compiled(batch.root, folder, stems):
            try:
                batch.root.unlink(path)
            except (FileNotFoundError, Refused):
                pass  # nor is its folder there
            except OSError as exc:
                batch.note(path, "byte-code-kept", str(exc))


def compiled(root: Root, folder: str, stems: set[str]) -> list[str]:
    """Return where byte-code of the modules `stems` of a folder lies, or may lie."""
    beside = [joint(folder, stem + ".pyc") for stem in stems]
    cache = joint(folder, "__pycache__")
    try:
        names = root.names(cache)
    except (OSError, Refused):
        return beside  # no cache; and if it is a link, it is not ours
    return beside + [joint(cache, name) for name in names if is_compiled(name, stems)]


def is_compiled(name: str, stems: set[str]) -> bool:
    """Say whether `name` is byte-code, of any interpreter, of one of these modules."""
    parts = name.split(".")
    return parts[-1] == "pyc" and any(
        ".".join(parts[:end]) in stems for end in range(1, len(parts))
    )
