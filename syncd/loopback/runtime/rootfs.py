"""The file system a container sees, built by the process that is to become it.

A tmpfs is the root. The host's folders are shown in it read-only; where a mount point
must appear inside a host folder that does not have it (`/usr/src/app`), that folder is
opened: made on the tmpfs, its entries shown one by one. Nothing is ever created on the
host. An overlay over `/` would be shorter, and is refused by kernels and file systems
that allow all of this. Stdlib only, Linux only.
"""

import contextlib
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from syncd.loopback.runtime import namespaces as ns


class Bind(TypedDict):
    """A folder or file of the host at a place in the container."""

    source: str
    target: str
    read_only: bool


class Scratch(TypedDict):
    """A tmpfs of its own at a place in the container; `size` in bytes, 0 for any."""

    target: str
    size: int


class Plan(TypedDict):
    """All that a container's root is made of.

    Attributes:
        stage: An empty folder of the host to build on.
        host: What of the host is shown, read-only, at the same path.
        binds: What is put on top, in order.
        links: Symbolic links on the root, with what they say.
        scratch: Private memory file systems.
        read_only: Whether the root itself refuses writes.
    """

    stage: str
    host: list[str]
    binds: list[Bind]
    links: dict[str, str]
    scratch: list[Scratch]
    read_only: bool


def build(plan: Plan) -> None:
    """Enter a new mount namespace whose root is as `plan` says.

    The caller must be alone in new PID and UTS namespaces if it wants those.
    """
    ns.unshare(ns.CLONE_NEWNS)
    # Unmounts of the host still reach us, so that we keep nothing busy; ours stay here.
    ns.mount("", "/", "", ns.MS_REC | ns.MS_SLAVE)
    root = plan["stage"]
    ns.mount("tmpfs", root, "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=0755")
    points = [bind["target"] for bind in plan["binds"]]
    points += [scratch["target"] for scratch in plan["scratch"]]
    for path in plan["host"]:
        _show(path, root, points)
    ns.set_read_only(root, read_only=True, recursive=True)
    ns.set_read_only(root, read_only=False)
    _mount_proc(root)
    for bind in plan["binds"]:
        _bind(bind, root)
    for path, text in plan["links"].items():
        _make_folder(str(Path(root + path).parent))
        Path(root + path).symlink_to(text)
    for scratch in plan["scratch"]:
        _mount_scratch(scratch, root)
    if plan["read_only"]:
        ns.set_read_only(root, read_only=True)
    ns.pivot(root)


def _show(path: str, root: str, points: Iterable[str]) -> None:
    """Show the host's `path` in `root`, opened where a new mount point is below it."""
    below = [p for p in points if p.startswith(path.rstrip("/") + "/")]
    mode = Path(path).lstat().st_mode
    target = root + path
    if stat.S_ISLNK(mode):
        _make_folder(str(Path(target).parent))
        Path(target).symlink_to(Path(path).readlink())
    elif stat.S_ISDIR(mode) and any(not Path(point).exists() for point in below):
        _make_folder(target)
        for child in Path(path).iterdir():
            _show(str(child), root, below)
    elif stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        _bind({"source": path, "target": path, "read_only": False}, root)


def _make_folder(path: str) -> None:
    Path(path).mkdir(parents=True, exist_ok=True)


def _bind(bind: Bind, root: str) -> None:
    target = root + bind["target"]
    if Path(bind["source"]).is_dir():
        _make_folder(target)
    else:
        _make_folder(str(Path(target).parent))
        Path(target).touch()
    ns.mount(bind["source"], target, "", ns.MS_BIND | ns.MS_REC)
    if bind["read_only"]:
        ns.set_read_only(target, read_only=True, recursive=True)


def _mount_scratch(scratch: Scratch, root: str) -> None:
    target = root + scratch["target"]
    _make_folder(target)
    size = f",size={scratch['size']}" if scratch["size"] else ""
    flags = ns.MS_NOSUID | ns.MS_NODEV
    ns.mount("tmpfs", target, "tmpfs", flags, f"mode=1777{size}")


def _mount_proc(root: str) -> None:
    target = f"{root}/proc"
    _make_folder(target)
    flags = ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC
    try:
        ns.mount("proc", target, "proc", flags)
    except PermissionError:
        # Inside another container, whose own /proc is partly masked. The outer one
        # serves: /proc/self works in it, only the numbers are the outer ones.
        with contextlib.suppress(OSError):
            ns.mount("/proc", target, "", ns.MS_BIND | ns.MS_REC)
