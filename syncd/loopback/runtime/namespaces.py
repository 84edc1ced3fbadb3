"""The system calls behind a container, by ctypes: Linux only, stdlib only."""

import contextlib
import ctypes
import os
from pathlib import Path


CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000

_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_SYS_MOUNT_SETATTR = 442  # the same on every architecture
_MOUNT_ATTR_RDONLY = 1
_AT_RECURSIVE = 0x8000

# What a container runtime leaves to root inside: chown, dac_override, fowner, fsetid,
# kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod,
# audit_write, setfcap.
_KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones."""
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, flags: int) -> None:
    """Enter the namespaces of `flags` of the process that the pidfd `fd` names."""
    _checked(_libc.setns(fd, flags), "setns")


def mount(
    source: str, target: str, kind: str = "", flags: int = 0, data: str = ""
) -> None:
    """Mount, bind or change the propagation of `target`."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _checked(result, f"mount {target}")


def set_read_only(target: str, *, read_only: bool, recursive: bool = False) -> None:
    """Make a mount refuse writes or take them again, with all below it if asked.

    Kernels before 5.12 cannot do the recursion: there only the mount itself changes.
    """

    class Attributes(ctypes.Structure):
        _fields_ = (
            ("set", ctypes.c_uint64),
            ("clear", ctypes.c_uint64),
            ("propagation", ctypes.c_uint64),
            ("userns_fd", ctypes.c_uint64),
        )

    change = Attributes(
        _MOUNT_ATTR_RDONLY * read_only, _MOUNT_ATTR_RDONLY * (not read_only), 0, 0
    )
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(-100),  # AT_FDCWD
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(change),
        ctypes.c_size_t(ctypes.sizeof(change)),
    )
    if result < 0:
        mount("", target, "", MS_REMOUNT | MS_BIND | MS_RDONLY * read_only)


def pivot(root: str) -> None:
    """Make the mount `root` this process's `/`, and let the old one go."""
    os.chdir(root)
    # Both arguments ".": the old root is stacked on the new one, and then unmounted.
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _MNT_DETACH), "umount old root")
    os.chdir("/")


def map_user(uid: int, gid: int, *, outer_uid: int, outer_gid: int) -> None:
    """Be `uid` and `gid` in the user namespace that was just entered."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl pdeathsig")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl subreaper")


def drop_capabilities() -> None:
    """Lose for good what a container's root does not have, at the next exec."""
    for capability in range(64):
        if capability not in _KEPT_CAPABILITIES:
            with contextlib.suppress(OSError):  # past the kernel's last capability
                _checked(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "drop")
