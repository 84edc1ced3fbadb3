"""Which folders are watched, and by which number the kernel knows them."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from syncd.ignore import Ignore
from syncd.watch import inotify
from syncd.watch.inotify import Inotify


_MASK = inotify.CONTENT | inotify.SELF
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Reasons for a folder not to be watched that are no reason to watch no other: it left,
# it is something else by now, or it may not be read, which the scan reports.
_PASSED = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP}


@dataclass(slots=True, eq=False)
class Node:
    """A watched folder of a root; its path is relative, and empty for the root."""

    root: int
    path: bytes
    wd: int
    children: "dict[bytes, Node]" = field(default_factory=dict)


class Folders:
    """The watched folders of all roots.

    Two roots may share folders, and the kernel gives a folder one number however often
    it is asked: so a number can stand for several nodes.

    Args:
        kernel: Where watches are added and ended.
    """

    def __init__(self, kernel: Inotify) -> None:
        self._kernel = kernel
        self._nodes: dict[int, list[Node]] = {}
        self._roots: dict[int, Node] = {}

    def at(self, wd: int) -> tuple[Node, ...]:
        """Return the folders that a number stands for."""
        return tuple(self._nodes.get(wd, ()))

    def count(self, root: int) -> int:
        """Return how many folders of a root are watched."""
        top = self._roots.get(root)
        return 0 if top is None else sum(1 for _ in _all(top))

    def knows(self, root: int, path: bytes) -> bool:
        """Return whether a folder is watched."""
        return self._find(root, path) is not None

    def watch(self, root: int, top: bytes, path: bytes, ignore: Ignore) -> bool:
        """Watch a folder and all below that is not ignored; those it had are let go.

        Each folder is watched before it is listed: what comes in between is both in the
        list and in an event.

        Args:
            root: The index of the root.
            top: The absolute path of the root.
            path: The folder, relative to the root.
            ignore: The rules of the root.

        Returns:
            Whether the folder itself is watched now.

        Raises:
            OSError: If there can be no more watches.
        """
        old = self._detach(root, path)
        try:
            return self._watch(root, top, path, ignore)
        finally:
            # Only now: a watch that is let go while a new one stands is not lost.
            if old is not None:
                self._let_go(old)

    def forget(self, root: int, path: bytes) -> bool:
        """Watch a folder no more, nor any below. Returns whether it was watched."""
        node = self._detach(root, path)
        if node is not None:
            self._let_go(node)
        return node is not None

    def ended(self, wd: int) -> None:
        """Take from the kernel that a watch has ended by itself."""
        self._nodes.pop(wd, None)

    def _watch(self, root: int, top: bytes, path: bytes, ignore: Ignore) -> bool:
        parent, _, name = path.rpartition(b"/")
        above = self._find(root, parent) if path else None
        if path and above is None:
            return False
        first = self._add(root, top, path)
        if first is None:
            return False
        if above is None:
            self._roots[root] = first
        else:
            above.children[name] = first
        pending = [first]
        while pending:
            node = pending.pop()
            for child in _folders_in(top, node.path):
                full = node.path + b"/" + child if node.path else child
                if not ignore.walks(full):
                    continue
                below = self._add(root, top, full)
                if below is not None:
                    node.children[child] = below
                    pending.append(below)
        return True

    def _add(self, root: int, top: bytes, path: bytes) -> Node | None:
        # The root itself may be a link: its user named it.
        mask = _MASK | inotify.DONT_FOLLOW if path else _MASK
        try:
            wd = self._kernel.add(_join(top, path), mask)
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:
                return self._add_deep(root, top, path)
            if exc.errno in _PASSED:
                return None
            raise
        return self._register(root, path, wd)

    def _add_deep(self, root: int, top: bytes, path: bytes) -> Node | None:
        """Watch a folder whose absolute path is too long for a system call."""
        try:
            folder = _open(top, path)
        except OSError:
            return None
        try:
            wd = self._kernel.add(b"/proc/self/fd/%d" % folder, _MASK)
        except OSError as exc:
            if exc.errno in _PASSED:
                return None
            raise
        finally:
            os.close(folder)
        return self._register(root, path, wd)

    def _register(self, root: int, path: bytes, wd: int) -> Node:
        node = Node(root, path, wd)
        self._nodes.setdefault(wd, []).append(node)
        return node

    def _find(self, root: int, path: bytes) -> Node | None:
        node = self._roots.get(root)
        for name in path.split(b"/") if path else ():
            node = node.children.get(name) if node else None
        return node

    def _detach(self, root: int, path: bytes) -> Node | None:
        if not path:
            return self._roots.pop(root, None)
        parent, _, name = path.rpartition(b"/")
        above = self._find(root, parent)
        return above.children.pop(name, None) if above else None

    def _let_go(self, top: Node) -> None:
        for node in _all(top):
            sharing = self._nodes.get(node.wd)
            if sharing is None or node not in sharing:
                continue
            sharing.remove(node)
            if not sharing:
                del self._nodes[node.wd]
                self._kernel.remove(node.wd)


def _all(top: Node) -> Iterator[Node]:
    pending = [top]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(node.children.values())


def _folders_in(top: bytes, path: bytes) -> list[bytes]:
    try:
        with os.scandir(_join(top, path)) as items:
            return [i.name for i in items if i.is_dir(follow_symlinks=False)]
    except OSError as exc:
        if exc.errno == errno.ENAMETOOLONG:
            return _folders_deep(top, path)
        if exc.errno in _PASSED:
            return []
        raise


def _folders_deep(top: bytes, path: bytes) -> list[bytes]:
    try:
        folder = _open(top, path)
    except OSError:
        return []
    try:
        with os.scandir(folder) as items:
            folders = [i.name for i in items if i.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    finally:
        os.close(folder)
    return [os.fsencode(name) for name in folders]


def _open(top: bytes, path: bytes) -> int:
    root = os.open(top, _FOLDER & ~os.O_NOFOLLOW)
    try:
        return os.open(path or b".", _FOLDER, dir_fd=root)
    finally:
        os.close(root)


def _join(top: bytes, path: bytes) -> bytes:
    return top + b"/" + path if path else top
