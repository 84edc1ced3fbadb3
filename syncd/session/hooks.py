"""Commands and signals that landed changes ask for: in order, each until it was done."""

from collections import Counter
from collections.abc import Collection, Sequence

import anyio

from syncd.plan import Action


_LOSSES = 2  # links that one may cost


class Hooks:
    """What is to be carried out in one container.

    One at a time: what lands while one runs may have come too late for it, and asks for
    another of its own. One that runs when the link is lost is carried out again, unless
    that happens once more: then it is it that takes the container down.

    Attributes:
        waiting: What is to be done, in this order; the first may run.
    """

    def __init__(self) -> None:
        self.waiting: list[Action] = []
        self._runs = False
        self._losses: Counter[Action] = Counter()
        self._asked = anyio.Event()

    @property
    def dropped(self) -> tuple[Action, ...]:
        """What is not carried out any more."""
        return tuple(a for a, losses in self._losses.items() if losses >= _LOSSES)

    def ask(self, actions: Sequence[Action]) -> None:
        """Owe `actions` too; one that is owed already, and does not run, is owed once."""
        waiting = self.waiting[1:] if self._runs else self.waiting
        refused = (*waiting, *self.dropped)
        self.waiting.extend(action for action in actions if action not in refused)
        self._asked.set()

    async def begin(self) -> Action:
        """Wait for one to carry out; `end` or `lose` says what became of it."""
        while not self.waiting:
            self._asked = anyio.Event()
            await self._asked.wait()
        self._runs = True
        return self.waiting[0]

    def end(self) -> None:
        """Take that the one that was begun is done."""
        self._runs = False
        self._losses.pop(self.waiting.pop(0), None)

    def lose(self) -> Action | None:
        """Take that the link is lost; return what is dropped, as it ran then."""
        if not self._runs:
            return None
        self._runs = False
        action = self.waiting[0]
        self._losses[action] += 1
        if action not in self.dropped:
            return None
        self.waiting = [other for other in self.waiting if other != action]
        return action

    def forgive(self, actions: Collection[Action]) -> None:
        """Give `actions` another chance: what asks for them was edited."""
        for action in actions:
            self._losses.pop(action, None)
