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

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from syncd.tree import Change, Entry, Kind, Tree, above


class Ledger:
    """The account of one sync root in one container.

    Args:
        owned: The paths that syncd put there or found equal, in any container of
            the target. Shared between the ledgers of a target: what was deleted
            here must be deleted again where a restart brought the image's file back.
        whole: Whether everything in the root is syncd's to delete
            (`one-way-replica`).
        ignored: Whether a path (and is it a folder?) is none of syncd's business.
        unread: Whether nobody can tell what is at a path here.
    """

    def __init__(
        self,
        owned: set[bytes],
        *,
        whole: bool = False,
        ignored: Callable[[bytes, bool], bool] = lambda _, __: False,
        unread: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self.remote: dict[bytes, Entry] = {}
        self.doubt: set[bytes] = set()
        self.pending: set[bytes] = set()
        self.kept: set[bytes] = set()
        self.failed: set[bytes] = set()
        self._owned = owned
        self._whole = whole
        self._ignored = ignored
        self._unread = unread
        self._uncertain: set[bytes] = set()
        self._holding: set[bytes] = set()
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

    def compare(
        self,
        listing: Mapping[bytes, Entry],
        local: Tree,
        holding: Collection[bytes] = (),
    ) -> None:
        """Take `listing` for what the container holds; owe it the difference.

        Args:
            listing: All that is there, and not ignored.
            local: The local tree.
            holding: The folders that hold what is ignored.
        """
        self._holding = set(holding)
        self.remote = dict(listing)
        self.doubt.clear()
        self.kept.clear()
        self.failed.clear()
        self._flights.clear()
        self._newest.clear()
        self._uncertain.clear()
        self._owned.update(
            path for path, entry in self.remote.items() if local.get(path) == entry
        )
        self.pending.update(local)
        self.pending.update(listing)

    def leaving(self, local: Tree) -> set[bytes]:
        """Return the folders that the next batch takes away, or replaces."""
        paths = self.pending | self._uncertain
        return {path for path in paths if self._leaves(path, local.get(path))}

    def learn(
        self,
        listing: Mapping[bytes, Entry],
        holding: Collection[bytes],
        folders: Collection[bytes],
    ) -> None:
        """Take in what `folders` that are about to go hold; owe it the end of that.

        Args:
            listing: All that is in them, and not ignored.
            holding: Those that hold what is ignored.
            folders: The folders.
        """
        self._holding.difference_update(folders)
        self._holding.update(holding)
        for path in listing.keys() - self.remote.keys() - self._newest.keys():
            self.remote[path] = listing[path]
        self.pending.update(listing)

    def take(self, local: Tree) -> tuple[Change, ...]:
        """Return what turns the container into `local`, sorted; nothing is pending then.

        A path that only the container has is left alone, and put into `kept`, unless
        it is owned or the root is syncd's whole. What is ignored from now on is left
        alone and forgotten. What could not be read here may be here all the same, so
        each later batch asks again whether it is gone.
        """
        pending = self.pending | self._uncertain
        self.pending, self._uncertain = set(), set()
        changes = [
            Change(path, local.get(path))
            for path in sorted(pending)
            if not self._holds(path, local.get(path))
        ]
        mine = [c for c in changes if c.entry is not None or self._may_go(c.path)]
        return tuple(self._apart(mine) if self._whole else mine)

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
        if path in self.doubt and path not in self._newest:
            return False
        return self._there(path) == wanted

    def _there(self, path: bytes) -> Entry | None:
        """Return what the container holds once all has landed, if that is not in doubt."""
        flight = self._newest.get(path)
        return self.remote.get(path) if flight is None else self._flights[flight][path]

    def _may_go(self, path: bytes) -> bool:
        """Return whether `path` is to be deleted; if not, note why."""
        if not self._whole and path not in self._owned:
            self.kept.add(path)
            return False
        if self._unread(path):
            self._uncertain.add(path)
            return False
        there = self._there(path)
        if self._ignored(path, _is_folder(there)):
            self._forget(path)
            return False
        return True

    def _leaves(self, path: bytes, wanted: Entry | None) -> bool:
        there = self._there(path)
        if wanted is not None:
            return wanted.kind is not Kind.DIR and _is_folder(there)
        return (
            (there is None or _is_folder(there))
            and not self._holds(path, None)
            and self._may_go(path)
        )

    def _apart(self, changes: Sequence[Change]) -> list[Change]:
        """Return what is to be told of a replica's `changes`.

        A folder stays for what is ignored in it; one that was not put there stays as it
        is. What is in one that goes, and was not put there, goes along, unless it is
        mounted: only the container knows that.
        """
        gone = {c.path for c in changes if c.entry is None} - self._holding
        whole = {path for path in gone if _is_folder(self._there(path))}
        whole |= self._holding - self._owned
        foreign = gone - self._owned
        along = {path for path in foreign if not whole.isdisjoint(above(path))}
        for path in along:
            self._forget(path)
        told = gone - along
        return [c for c in changes if c.entry is not None or c.path in told]

    def _forget(self, path: bytes) -> None:
        """Know nothing of `path`, not even once it has landed; it is owned as before."""
        self.remote.pop(path, None)
        self._newest.pop(path, None)
        self.doubt.discard(path)
        self.failed.discard(path)


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIR
