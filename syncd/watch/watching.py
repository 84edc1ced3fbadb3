"""The watch of several roots: for each the best way that the system has."""

import sys
from collections.abc import Callable, Sequence

import anyio
from anyio.abc import TaskGroup, TaskStatus
from anyio.streams.memory import MemoryObjectSendStream

from syncd.events import Emit, WatchDegraded
from syncd.watch import inotify, polling
from syncd.watch.inbox import Inbox
from syncd.watch.linux import Linux
from syncd.watch.native import follow
from syncd.watch.root import Watched
from syncd.watch.settle import Hints, Quiet


async def watch(
    roots: Sequence[Watched],
    send: MemoryObjectSendStream[Hints],
    emit: Emit,
    *,
    quiet: Quiet | None = None,
    poll: bool = False,
    by_inotify: bool = sys.platform == "linux",
    task_status: TaskStatus[Callable[[], int]] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Send hints whenever something in `roots` may have changed.

    The first hints for a root name all of it, as soon as it is watched: what changed
    before that is in no event. The rules of a root are read again when they change. A
    reader that is slow gets all that happened meanwhile in one piece.

    Runs until cancelled, and then ends `send`.

    Args:
        roots: What to watch; hints speak of them by index.
        send: Where hints go; best with a buffer of 0 or 1.
        emit: Where events go.
        quiet: How long to wait for the writing to go quiet.
        poll: Look at the roots again and again, for file systems that tell nothing.
        by_inotify: Read inotify; else watchfiles is used.
        task_status: Is told when all roots are watched that can be, and how to ask
            for hints though nothing happened; see `Inbox.ask`.
    """
    repositories = [root.ignore.repository for root in roots]
    locks = {repository.lock for repository in repositories if repository}
    inbox = Inbox(quiet or Quiet(), locks)
    async with send, anyio.create_task_group() as tasks:
        ways = _Ways(roots, inbox, emit, tasks)
        if poll:
            ways.poll_all()
        elif by_inotify:
            await ways.listen()
        else:
            ways.follow_all()
        task_status.started(inbox.ask)
        await inbox.deliver(send)


class _Ways:
    """The ways to watch, each a task."""

    def __init__(
        self, roots: Sequence[Watched], inbox: Inbox, emit: Emit, tasks: TaskGroup
    ) -> None:
        self._roots = roots
        self._inbox = inbox
        self._emit = emit
        self._tasks = tasks

    async def listen(self) -> None:
        try:
            kernel = inotify.Inotify()
        except OSError as exc:
            for index in range(len(self._roots)):
                self._give_up(index, exc)
            return
        linux = Linux(kernel, self._roots, self._inbox, self._emit, self._give_up)
        await self._tasks.start(linux.run)

    def poll_all(self) -> None:
        for index in range(len(self._roots)):
            self._poll(index)

    def follow_all(self) -> None:
        for index, root in enumerate(self._roots):
            self._tasks.start_soon(follow, index, root, self._inbox, self._emit)

    def _poll(self, index: int) -> None:
        root = self._roots[index]
        self._tasks.start_soon(polling.poll, index, root, self._inbox, self._emit)

    def _give_up(self, index: int, exc: OSError) -> None:
        reason, hint = inotify.diagnosis(exc)
        root = str(self._roots[index].path)
        self._emit(WatchDegraded(root=root, reason=reason, hint=hint))
        self._poll(index)
