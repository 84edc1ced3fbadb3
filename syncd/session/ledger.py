"""What one container holds of one sync root, and what it is owed. Pure.

The rule that keeps edits from being lost: what a broken stream carried is *in doubt*.
It may have been applied or not, so it counts as neither, until the container is
compared again or the path is written again. Advancing only on success is not enough:
*create, lose the stream, delete* would then never send the delete.

A path is, at any moment,

- *known*: `remote` says what the container holds (absent means: nothing there);
- *flying*: a batch that carries it is sent and not acknowledged;
- *in doubt*: only writing it, or comparing again, settles it.

`pending` names the paths to look at when the next batch is taken.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from syncd.tree import Change, Entry, Tree


class Ledger:
    """The account of one sync root in one container.

    Args:
        owned: The paths that syncd put there or found equal, in any container of
            the target. Shared between the ledgers of a target: what was deleted
            here must be deleted again where a restart brought the image's file back.
        whole: Whether everything in the root is syncd's to delete
            (`one-way-replica`).
    """

    def __init__(self, owned: set[bytes], *, whole: bool = False) -> None:
        self.remote: dict[bytes, Entry] = {}
        self.doubt: set[bytes] = set()
        self.pending: set[bytes] = set()
        self.kept: set[bytes] = set()
        self.failed: set[bytes] = set()
        self._owned = owned
        self._whole = whole
        self._flights: dict[int, dict[bytes, Entry | None]] = {}
        self._newest: dict[bytes, int] = {}

    @property
    def flying(self) -> int:
        """How many batches are sent and not acknowledged."""
        return len(self._flights)

    def note(self, paths: Iterable[bytes]) -> None:
        """Look at `paths` when the next batch is taken."""
        self.pending.update(paths)

    def rewrite(self, path: bytes) -> None:
        """Owe `path` once more, although the container holds it."""
        self.doubt.add(path)
        self.pending.add(path)

    def compare(self, listing: Mapping[bytes, Entry], local: Tree) -> None:
        """Take `listing` for what the container holds; owe it the difference."""
        self.remote = dict(listing)
        self.doubt.clear()
        self.kept.clear()
        self.failed.clear()
        self._flights.clear()
        self._newest.clear()
        self._owned.update(
            path for path, entry in self.remote.items() if local.get(path) == entry
        )
        self.pending.update(local)
        self.pending.update(listing)

    def take(self, local: Tree) -> tuple[Change, ...]:
        """Return what turns the container into `local`, sorted; nothing is pending then.

        A path that only the container has is left alone, and put into `kept`, unless
        it is owned or the root is syncd's whole.
        """
        pending, self.pending = self.pending, set()
        changes = [
            Change(path, local.get(path))
            for path in sorted(pending)
            if not self._holds(path, local.get(path))
        ]
        mine = [change for change in changes if self._allowed(change)]
        if len(mine) < len(changes):
            self.kept.update({c.path for c in changes} - {c.path for c in mine})
        return tuple(mine)

    def held(self, changes: Sequence[Change]) -> dict[bytes, Entry]:
        """Return what the container is known to hold where `changes` are to be made."""
        return {
            change.path: self.remote[change.path]
            for change in changes
            if change.path in self.remote
            and change.path not in self.doubt
            and change.path not in self._newest
        }

    def launch(self, batch: int, changes: Sequence[Change]) -> None:
        """Record that `changes` are about to be sent as `batch`."""
        self._flights[batch] = {change.path: change.entry for change in changes}
        self._newest.update((change.path, batch) for change in changes)
        # From here on the path may be ours in the container, whatever becomes of it.
        self._owned.update(change.path for change in changes)

    def land(
        self, batch: int, failed: Collection[bytes] = (), torn: Collection[bytes] = ()
    ) -> None:
        """Record that `batch` was applied, all but some paths.

        Of a path that a later batch carries too, that one tells what is there: the
        answers need not be heard in the order in which the batches were applied.

        Args:
            batch: Its number.
            failed: The paths that the container could not make equal.
            torn: Those that were not sent, for they changed while they were read.
        """
        for path, entry in self._flights.pop(batch).items():
            if self._newest.get(path) != batch:
                continue
            del self._newest[path]
            self.failed.discard(path)
            if path in failed or path in torn:
                self.remote.pop(path, None)
                self.doubt.add(path)
                self.failed.update({path}.intersection(failed))
                continue
            self.doubt.discard(path)
            if entry is None:
                self.remote.pop(path, None)
            else:
                self.remote[path] = entry

    def lose(self) -> None:
        """Record that the stream broke: what was flying is in doubt, and owed."""
        for carried in self._flights.values():
            self.doubt.update(carried)
            self.pending.update(carried)
        self._flights.clear()
        self._newest.clear()

    def _holds(self, path: bytes, wanted: Entry | None) -> bool:
        flight = self._newest.get(path)
        if flight is None:
            return path not in self.doubt and self.remote.get(path) == wanted
        return self._flights[flight][path] == wanted

    def _allowed(self, change: Change) -> bool:
        return change.entry is not None or self._whole or change.path in self._owned
