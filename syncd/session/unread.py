"""Files here that cannot be read: told once, and tried again, less and less often."""

from collections.abc import Collection, Sequence

import anyio

from syncd.session.answers import UNREAD
from syncd.session.backoff import Backoff
from syncd.session.link import Failure
from syncd.session.owed import Owed
from syncd.session.verdicts import Place


class Unread:
    """What one container was not sent, as it could not be read here.

    No event need tell that it can be read again: a folder that comes back holds what
    it held, and so nothing changed.

    Args:
        owed: Where it is asked for once more.
    """

    def __init__(self, owed: Owed) -> None:
        self._owed = owed
        self._reasons: dict[Place, str] = {}
        self._some = anyio.Event()
        self._backoff = Backoff(first_s=1.0)

    def take(
        self, root: int, tried: Collection[bytes], failures: Sequence[Failure]
    ) -> tuple[Failure, ...]:
        """Take what became of paths of a root; return the failures that are news."""
        known = {path: self._reasons.pop((root, path), "") for path in tried}
        unread = {f.path: f.reason for f in failures if f.code == UNREAD}
        self._reasons |= {(root, path): reason for path, reason in unread.items()}
        if self._reasons:
            self._some.set()
        else:
            self._backoff.reset()
        return tuple(
            f for f in failures if f.path not in unread or known[f.path] != f.reason
        )

    async def try_again(self) -> None:
        """Have it sent once it can be read, until cancelled."""
        while True:
            await self._some.wait()
            await anyio.sleep(self._backoff.next_s())
            self._some = anyio.Event()
            for root, path in self._reasons:
                self._owed.note(root, [path], None)
