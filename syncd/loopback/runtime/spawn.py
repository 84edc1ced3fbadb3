"""How one process of a container comes to be: what happens between fork and exec.

Runs in the shim's forked child, which is alone (no threads), so Python may be used
freely here. Stdlib only; the namespaces are Linux only.
"""

import errno
import fcntl
import os
import shutil
import signal
import socket
import sys
import termios
from pathlib import Path
from typing import TypedDict

from syncd.loopback.runtime import namespaces, rootfs


LINUX = sys.platform == "linux"


class Order(TypedDict):
    """What the node asks the shim to start.

    Attributes:
        id: Names the process in all that is said about it.
        joins: The id of the container's first process, or 0 if this is one.
        plan: What the container sees, for a first process in namespaces.
        hostname: The container's, for a first process.
        groups: Supplementary groups.
        tty: Whether stdin is a terminal to be made the controlling one.
        memory: Bytes that the container may use, 0 for any.
    """

    id: int
    joins: int
    plan: rootfs.Plan | None
    hostname: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    uid: int
    gid: int
    groups: list[int]
    tty: bool
    memory: int


def become(
    order: Order, stdio: list[int], joined: int | None, *, isolated: bool, owner: int
) -> None:
    """Turn this forked child into the process of `order`; returns only by raising.

    Args:
        order: What to become.
        stdio: Three descriptors.
        joined: A pidfd of the container's first process, if its namespaces are joined.
        isolated: Whether containers have namespaces here.
        owner: The uid that the node's owner has on the host.

    Raises:
        OSError: If any step failed; `reason` makes a sentence of it.
        ValueError: If an argument holds a NUL.
    """
    os.setsid()
    _reset_signals()
    if order["plan"] is not None:
        _enter_new(order["plan"], order["hostname"])
    elif joined is not None:
        flags = namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS
        namespaces.setns(joined, flags)
    _take_stdio(stdio, tty=order["tty"])
    os.umask(0o022)
    if isolated:
        namespaces.drop_capabilities()
    _take_identity(order, owner if isolated else 0)
    if LINUX:
        namespaces.die_with_parent()
    os.chdir(order["cwd"])
    os.execve(_executable(order), order["argv"], order["env"])  # noqa: S606 -- the point


def _reset_signals() -> None:
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def _enter_new(plan: rootfs.Plan, hostname: str) -> None:
    namespaces.unshare(namespaces.CLONE_NEWUTS)
    if hasattr(socket, "sethostname"):
        socket.sethostname(hostname[:63])
    rootfs.build(plan)


def _take_stdio(stdio: list[int], *, tty: bool) -> None:
    for number, fd in enumerate(stdio):
        os.dup2(fd, number)
    if tty:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _take_identity(order: Order, owner: int) -> None:
    """Become the container's user, as far as this machine allows it.

    As real root by plain means. In a user namespace of one user, in another one inside
    it, where that user has the wanted number. Elsewhere the user stays who it is.
    """
    uid, gid = order["uid"], order["gid"]
    if os.geteuid() != 0 or (uid, gid) == (0, 0):
        return
    if owner == 0:
        os.setgroups(order["groups"])
        os.setgid(gid)
        os.setuid(uid)
    else:
        namespaces.unshare(namespaces.CLONE_NEWUSER)
        namespaces.map_user(uid, gid, outer_uid=0, outer_gid=0)


def _executable(order: Order) -> str:
    """Find the program as a container runtime does, and say as it does if there is none.

    Raises:
        OSError: With runc's words.
    """
    argv = order["argv"]
    if not argv:
        raise OSError("exec failed: args must not be empty")
    name = argv[0]
    trouble = f'exec failed: unable to start container process: exec: "{name}": '
    if "/" in name:
        if not Path(name).exists():
            raise OSError(f"{trouble}stat {name}: no such file or directory")
        if not os.access(name, os.X_OK) or Path(name).is_dir():
            raise OSError(f"{trouble}permission denied")
        return name
    found = shutil.which(name, path=order["env"].get("PATH", ""))
    if found is None:
        raise OSError(f"{trouble}executable file not found in $PATH")
    return found


def reason(error: OSError | ValueError) -> str:
    """Say why `become` failed."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if error.errno == errno.ENOEXEC:
        return "exec failed: unable to start container process: exec format error"
    return f"exec failed: unable to start container process: {error}"
