"""One staged file takes its place: by a rename, or over what cannot be replaced.

A rename is refused where the folder is not writable or the file is a mount point of
its own (a ConfigMap, a subPath). Then the content is complete elsewhere before the
first byte of the old one is touched.
"""

from __future__ import annotations

import errno
import os
import stat

from syncd.agent.folders import READ, above, is_file
from syncd.agent.link import CHUNK, PINNED
from syncd.agent.scratch import write_all


TYPE_CHECKING = False
if TYPE_CHECKING:
    from syncd.agent.batch import Batch
    from syncd.agent.stream import Member

WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def put(batch: Batch, item: Member, old: os.stat_result | None) -> None:
    """Put `item` in place of `old`."""
    if item.target is not None:
        item.folder = above(item.path)
        batch.root.parent(item.path)
        batch.create(item)
        move(batch, item)
        return
    stamp = batch.clock.stamp(item.path, item.size, old)
    if item.pinned is not None and batch.spool is not None:
        overwrite(batch, item, old, stamp, batch.spool.fd)
        return
    fd = batch.root.folder(item.folder)
    os.utime(item.temp, ns=(stamp, stamp), dir_fd=fd, follow_symlinks=False)
    try:
        move(batch, item)
    except OSError as exc:
        if exc.errno not in PINNED:
            raise
        item.pinned = exc
        put_by_copy(batch, item, old, stamp)


def move(batch: Batch, item: Member) -> None:
    """Rename a temporary to what it is for."""
    to, name = batch.root.parent(item.path)
    fd = batch.root.folder(item.folder)
    batch.root.willing(
        above(item.path),
        lambda: os.rename(item.temp, name, src_dir_fd=fd, dst_dir_fd=to),
    )
    batch.temporaries.live.discard(item.temp)
    item.temp = ""


def put_by_copy(
    batch: Batch, item: Member, old: os.stat_result | None, stamp: int
) -> None:
    """Put in place what could not be renamed."""
    assert item.pinned is not None
    source = os.open(item.temp, READ, dir_fd=batch.root.folder(item.folder))
    try:
        batch.discard(item)
        crossed = item.pinned.errno == errno.EXDEV
        if not crossed or not stage_again(batch, item, stamp, source):
            overwrite(batch, item, old, stamp, source)
    finally:
        os.close(source)


def stage_again(batch: Batch, item: Member, stamp: int, source: int) -> bool:
    """Try by a temporary on the file system that the target turned out to be on."""
    item.folder = above(item.path)
    try:
        batch.create(item)
        copy(batch, item, source, item.fd)
        os.utime(item.fd, ns=(stamp, stamp))
        batch.seal(item.path, item)
        move(batch, item)
    except OSError as exc:
        batch.discard(item)
        if exc.errno in PINNED:
            return False
        raise
    return True


def overwrite(
    batch: Batch, item: Member, old: os.stat_result | None, stamp: int, source: int
) -> None:
    """Write over a file that cannot be replaced."""
    assert item.pinned is not None
    if old is None or not is_file(old):
        raise item.pinned
    fd, name = batch.root.parent(item.path)
    target = os.open(name, WRITE, dir_fd=fd)
    try:
        reserve(target, item.size, old.st_size)
        copy(batch, item, source, target)
        os.ftruncate(target, item.size)
        batch.note(item.path, "in-place", f"not replaced: {item.pinned.strerror}")
        adopt(batch, item, old, stamp, target)
    finally:
        os.close(target)


def reserve(target: int, size: int, old_size: int) -> None:
    """Make sure that the disk has room, before the old content is touched."""
    if not size or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(target, 0, size)
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            os.ftruncate(target, old_size)
            raise


def copy(batch: Batch, item: Member, source: int, target: int) -> None:
    """Copy the content of `item`, which lies in `source`."""
    done = 0
    while done < item.size:
        want = min(CHUNK, item.size - done)
        data = os.pread(source, want, item.offset + done)
        if not data:
            raise OSError(errno.EIO, "the staged content is gone")
        write_all(target, data)
        done += len(data)
        batch.wire.busy()


def adopt(
    batch: Batch, item: Member, old: os.stat_result, stamp: int, target: int
) -> None:
    """Give an overwritten file its mode and time, as far as its owner lets us."""
    try:
        if stat.S_IMODE(old.st_mode) != item.mode:
            os.fchmod(target, item.mode)
    except OSError as exc:
        batch.note(item.path, "mode-refused", f"its mode stays: {exc.strerror}")
    try:
        os.utime(target, ns=(stamp, stamp))
    except OSError as exc:
        batch.note(item.path, "time-refused", f"its time is now: {exc.strerror}")
