"""Roots watched through inotify.

One task waits for events and takes them. What needs the disk (a folder came: watch it,
and what is in it; a rule file changed; a root went) is done in a thread, and no event
is read meanwhile: so nobody else touches the table of folders. The kernel keeps what
happens then, and tells when it could not.

A folder that was moved is watched anew at its new place, and let go at its old one. To
carry its watches over would save little, and what was done in it on the way would be
told with the wrong name. That the two halves of a move stand side by side, or that there
are two, is nothing that can be relied on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio import to_thread
from anyio.abc import TaskStatus

from syncd.events import Emit, WatchOverflowed, WatchStarted
from syncd.watch import inotify
from syncd.watch.folders import Folders, Node
from syncd.watch.inbox import Inbox
from syncd.watch.inotify import Inotify
from syncd.watch.outposts import Outposts
from syncd.watch.root import Watched


# No event tells that a folder is back at the end of a path.
_LOST_AGAIN_S = 0.5


@dataclass(slots=True)
class _Work:
    """What events ask for that needs the disk.

    Attributes:
        come: Folders that came, by root and path, in the order of their coming.
        rules: Roots whose rules changed.
        suspects: Roots that may be gone, or be back.
        replaced: Those among them whose folder is another one, whatever it looks like.
        overflow: Events were lost.
    """

    come: dict[tuple[int, bytes], None] = field(default_factory=dict)
    rules: set[int] = field(default_factory=set)
    suspects: set[int] = field(default_factory=set)
    replaced: set[int] = field(default_factory=set)
    overflow: bool = False

    def __bool__(self) -> bool:
        return bool(self.come or self.rules or self.suspects or self.overflow)


class Linux:
    """The watches of all roots.

    Args:
        kernel: The instance that they share.
        roots: What to watch.
        inbox: Where to say what happened.
        emit: Where events go.
        give_up: Is told of a root that cannot be watched, and why.
    """

    def __init__(
        self,
        kernel: Inotify,
        roots: Sequence[Watched],
        inbox: Inbox,
        emit: Emit,
        give_up: Callable[[int, OSError], None],
    ) -> None:
        self._kernel = kernel
        self._folders = Folders(kernel)
        self._roots = dict(enumerate(roots))
        self._inbox = inbox
        self._emit = emit
        self._give_up = give_up
        self._work = _Work()
        self._identities: dict[int, tuple[int, int] | None] = {}
        self._outposts = Outposts(kernel)
        self._after: list[Callable[[], None]] = []

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Watch until cancelled."""
        try:
            self._work.suspects.update(self._roots)
            await self._do_work()
            task_status.started()
            while True:
                patience_s = _LOST_AGAIN_S if self._lost() else None
                with anyio.move_on_after(patience_s):
                    await anyio.wait_readable(self._kernel)
                for event in self._kernel.read():
                    self._take(event)
                self._work.suspects.update(self._lost())
                await self._do_work()
        finally:
            self._kernel.close()

    def _lost(self) -> set[int]:
        return {root for root, known in self._identities.items() if known is None}

    # --- in the loop: no disk ---

    def _take(self, event: inotify.Event) -> None:
        if event.mask & inotify.Q_OVERFLOW:
            self._work.overflow = True
        for node in self._folders.at(event.wd):
            if event.name:
                self._take_name(node, event.mask, event.name)
            else:
                self._take_self(node, event.mask)
        for root, post in self._outposts.at(event.wd).items():
            if event.mask & inotify.SELF:
                self._work.suspects.add(root)
            elif event.name in post.way and event.mask & inotify.MOVES:
                self._replace(root)
            elif event.name in post.rules:
                self._work.rules.add(root)
        if event.mask & inotify.IGNORED:
            self._folders.ended(event.wd)
            self._work.suspects.update(self._outposts.ended(event.wd))

    def _take_self(self, node: Node, mask: int) -> None:
        if node.path:
            # The folder above it tells of all else.
            if mask & inotify.UNMOUNT:
                # What the mount hid shows now.
                self._work.come[node.root, node.path] = None
        elif mask & (inotify.DELETE_SELF | inotify.UNMOUNT):
            # What is made in its place may have the same number.
            self._replace(node.root)
        elif mask & inotify.MOVE_SELF:
            self._work.suspects.add(node.root)
        elif mask & inotify.ATTRIB:
            # It may be one that can be read again.
            self._inbox.note_everything(node.root)

    def _replace(self, root: int) -> None:
        if root not in self._lost():
            # At once: what went with the old folder is not to be missed in the new one.
            self._inbox.note_lost(root)
        self._work.suspects.add(root)
        self._work.replaced.add(root)

    def _take_name(self, node: Node, mask: int, name: bytes) -> None:
        path = node.path + b"/" + name if node.path else name
        ignore = self._roots[node.root].ignore
        if ignore.reads(path):
            self._work.rules.add(node.root)
        if mask & inotify.ISDIR:
            self._take_folder(node.root, path, mask)
        elif not ignore.ignored(path, is_dir=False):
            self._inbox.note(
                node.root,
                path,
                born=bool(mask & inotify.COMES),
                gone=bool(mask & inotify.GOES),
                unfinished=bool(mask & (inotify.CREATE | inotify.MODIFY)),
            )

    def _take_folder(self, root: int, path: bytes, mask: int) -> None:
        if mask & inotify.COMES:
            self._work.come[root, path] = None
        elif mask & inotify.GOES:
            # It may have been seen by a scan, even if it was too short to be watched.
            came = (root, path) in self._work.come
            self._work.come.pop((root, path), None)
            self._roots[root].ignore.forget(path)
            if self._folders.forget(root, path) or came:
                self._inbox.note(root, path, born=came, gone=True)
        elif self._folders.knows(root, path):
            self._inbox.note(root, path)
        else:
            # It could not be read until now, if it can be.
            self._work.come[root, path] = None

    # --- in a thread: the disk ---

    async def _do_work(self) -> None:
        work, self._work = self._work, _Work()
        if not work:
            return
        await to_thread.run_sync(self._mend, work)
        after, self._after = self._after, []
        for then in after:
            then()

    def _mend(self, work: _Work) -> None:
        for root in work.suspects & self._roots.keys():
            self._look_for(root, replaced=root in work.replaced)
        whole = set(self._roots) if work.overflow else work.rules & self._roots.keys()
        for root in whole - self._lost():
            if work.overflow:
                self._later(self._emit, self._overflowed(root))
            self._read_rules(root)
            self._watch_all(root)
        for root, path in work.come:
            if root in self._roots and root not in whole:
                self._watch_new(root, path)

    def _overflowed(self, root: int) -> WatchOverflowed:
        return WatchOverflowed(
            root=str(self._roots[root].path),
            reason="more happened at once than the kernel keeps in its queue",
            hint="If it happens often: sudo sysctl fs.inotify.max_queued_events=131072",
        )

    def _look_for(self, root: int, *, replaced: bool) -> None:
        """Find out if a root is where it was, and whether it is still the same."""
        watched = self._roots[root]
        first = root not in self._identities
        before = self._identities.get(root)
        now = self._identities[root] = watched.identity()
        if now is None:
            if before is not None or first:
                self._folders.forget(root, b"")
                self._later(self._emit, watched.lost())
                if not replaced:
                    self._later(self._inbox.note_lost, root)
        elif replaced or now != before:
            if before is None and not first:
                self._later(self._emit, watched.found())
            if not first:
                self._read_rules(root)
            self._watch_all(root, say=first)
        else:
            self._outposts.watch(root, watched)

    def _read_rules(self, root: int) -> None:
        failed = self._roots[root].read_rules()
        if failed is not None:
            self._later(self._emit, failed)

    def _watch_all(self, root: int, *, say: bool = False) -> None:
        watched = self._roots[root]
        began = time.monotonic()
        try:
            self._folders.watch(root, watched.top, b"", watched.ignore)
        except OSError as exc:
            self._later(self._drop, root, exc)
            return
        self._outposts.watch(root, watched)
        self._later(self._inbox.note_everything, root)
        if say:
            started = WatchStarted(
                root=str(watched.path),
                folders=self._folders.count(root),
                backend="inotify",
                took_ms=(time.monotonic() - began) * 1000,
            )
            self._later(self._emit, started)

    def _watch_new(self, root: int, path: bytes) -> None:
        watched = self._roots[root]
        watched.ignore.forget(path)
        try:
            if watched.ignore.walks(path):
                self._folders.watch(root, watched.top, path, watched.ignore)
                self._later(partial(self._inbox.note, root, path, born=True))
        except OSError as exc:
            self._later(self._drop, root, exc)

    def _drop(self, root: int, exc: OSError) -> None:
        if root in self._roots:
            del self._roots[root]
            self._identities.pop(root, None)
            self._folders.forget(root, b"")
            self._give_up(root, exc)

    def _later(self, then: Callable[..., None], *args: object) -> None:
        self._after.append(partial(then, *args))
