"""What the daemon has said changed, and one container has not got yet."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace

import anyio

from syncd.plan import Action, Plan, Run
from syncd.session.hooks import Hooks
from syncd.session.ledger import Ledger
from syncd.session.mark import Mark, Outcome
from syncd.session.verdicts import Place
from syncd.tree import Entry, Tree


@dataclass(slots=True, kw_only=True)
class Root:
    """One sync root: a local folder and where it stands in the containers.

    Attributes:
        local: The folder here.
        remote: The folder there, absolute.
        tree: The current snapshot of `local`; changed in place by the daemon's scans.
        content: What a file of the snapshot holds, if that need not be read again.
        ignored: Whether a path (and is it a folder?) is none of syncd's business.
        unread: Whether nobody can tell what is at a path here: it, or a folder above
            it, could not be read.
        look_again: Ask the daemon to rescan paths that changed while they were read.
        plan: What follows when a path has landed.
        owned: The paths that syncd may delete there; see `Ledger`.
        whole: `one-way-replica`: all that is in the root is syncd's to delete.
    """

    local: bytes
    remote: str
    tree: Tree
    content: Callable[[Entry], bytes | None]
    ignored: Callable[[bytes, bool], bool]
    look_again: Callable[[Collection[bytes]], None]
    plan: Plan
    owned: set[bytes] = field(default_factory=set)
    whole: bool = False
    unread: Callable[[bytes], bool] = lambda _: False


@dataclass(slots=True)
class Turn:
    """Batches that were taken together, and the marks that wait for all of them.

    Attributes:
        since: How many notes the turns before it answer for.
        sent_s: When the first of the batches was sent; None before.
        landed_at_s: The container's clock when the last had landed; None if not told.
        landed: What landed of all of them.
        told: The batches that the warm reloader was told of.
        compared: The roots that were compared for it.
        astray: Those that turned out not to be what their ledgers say.
    """

    marks: tuple[Mark, ...]
    since: int
    unanswered: int = 0
    taken: bool = False
    sent_s: float | None = None
    landed_at_s: float | None = None
    landed: list[Place] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    compared: set[int] = field(default_factory=set)
    astray: set[int] = field(default_factory=set)

    def absorb(self, earlier: "Turn") -> None:
        """Answer for what `earlier` does too: its roots are to be compared."""
        self.marks = (*earlier.marks, *self.marks)
        self.since = min(self.since, earlier.since)
        self.sent_s = earlier.sent_s if self.sent_s is None else self.sent_s
        self.landed += earlier.landed
        self.told += earlier.told
        self.outcome += earlier.outcome
        self.compared |= earlier.astray


class Owed:
    """The roots, their ledgers, and the marks and actions that are not settled.

    Args:
        roots: In the order that the link knows them.
        session: Who answers to the marks.

    Attributes:
        hooks: What is to be carried out in the container.
        noted: How often something was noted; it is the number of the last note.
    """

    def __init__(self, roots: Sequence[Root], session: Hashable) -> None:
        self._session = session
        self.roots = tuple(roots)
        self.ledgers = tuple(
            Ledger(r.owned, whole=r.whole, ignored=r.ignored, unread=r.unread)
            for r in roots
        )
        self.hooks = Hooks()
        self._again: set[Place] = set()
        self._marks: list[Mark] = []
        self._turns: list[Turn] = []
        self._changed = anyio.Event()
        self._begun = 0
        self.noted = 0

    @property
    def landed(self) -> int:
        """The number of the last note up to which all has landed."""
        return self._turns[0].since if self._turns else self._begun

    @property
    def failing(self) -> int:
        """How many paths could not be made equal."""
        return sum(len(ledger.failed) for ledger in self.ledgers)

    @property
    def nothing(self) -> bool:
        """Whether all that was noted has landed, and every hook has run."""
        return (
            not self.hooks.waiting
            and not self._turns
            and not any(ledger.pending or ledger.flying for ledger in self.ledgers)
        )

    @property
    def astray(self) -> bool:
        """Whether a root is not what its ledger says."""
        return any(turn.astray for turn in self._turns)

    def note(self, root: int, paths: Collection[bytes], mark: Mark | None) -> None:
        """Owe `paths` of a root; tell `mark` when they landed."""
        self.noted += 1
        self.ledgers[root].note(paths)
        if self.hooks.dropped:
            self.hooks.forgive(self._actions(root, paths))
        if mark is not None and mark not in self._marks:
            self._marks.append(mark)
        self._changed.set()

    def again(self, root: int, path: bytes) -> None:
        """Owe `path` of a root once more, for who did not notice; no hook follows."""
        self.ledgers[root].rewrite(path)
        self._again.add((root, path))
        self.note(root, (), None)

    def follow(self, root: int, landed: set[bytes]) -> None:
        """Owe the hooks that the plan of a root has for what `landed`."""
        unasked = {path for path in landed if (root, path) in self._again}
        self._again -= {(root, path) for path in unasked}
        self.hooks.ask(self._actions(root, landed - unasked))

    def _actions(self, root: int, paths: Collection[bytes]) -> list[Action]:
        """Return what `paths` of a root ask for, each in its place."""
        asked, place = self.roots[root].plan.actions(paths), self.roots[root].remote
        return [
            replace(a, cwd=a.cwd or place) if isinstance(a, Run) else a for a in asked
        ]

    def poke(self) -> None:
        """End a wait, although nothing was noted."""
        self._changed.set()

    async def wait(self) -> None:
        """Wait until something was noted since the last wait."""
        await self._changed.wait()
        self._changed = anyio.Event()

    def begin(self) -> Turn:
        """Start a turn that answers for every mark noted so far.

        And for those of turns that went astray; none of these has a batch that flies.
        """
        turn = Turn(tuple(self._marks), self._begun)
        for earlier in [turn for turn in self._turns if turn.astray]:
            self._turns.remove(earlier)
            turn.absorb(earlier)
        self._begun = self.noted
        self._marks.clear()
        self._turns.append(turn)
        return turn

    def settle(self, turn: Turn) -> bool:
        """Tell the marks of `turn` if all of its batches are answered; return whether.

        What went astray is for the next turn to settle.
        """
        if turn.astray:
            self._changed.set()
            return False
        if not turn.taken or turn.unanswered or turn not in self._turns:
            return False
        self._turns.remove(turn)
        for mark in turn.marks:
            mark.landed(self._session, turn.outcome)
        return True

    def lose(self) -> None:
        """The wire broke: what flew is in doubt."""
        for ledger in self.ledgers:
            ledger.lose()

    def leave(self) -> None:
        """Let every mark go on without this container."""
        self._begun = self.landed
        marks = [*self._marks, *(m for turn in self._turns for m in turn.marks)]
        self._marks.clear()
        self._turns.clear()
        for mark in marks:
            mark.left(self._session)
