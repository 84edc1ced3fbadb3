"""One edit by one mode: made, pushed, and looked for until it is served."""

from dataclasses import replace

import anyio

from syncd.bench.edits import Edit, Subject
from syncd.bench.modes import Account, Mode
from syncd.bench.samples import Sample
from syncd.bench.split import split
from syncd.cluster.tasks import task_group
from syncd.errors import SyncdError


class Attempt:
    """An edit on its way.

    Args:
        mode: What brings it where it is served.
        subject: What is edited.
        timeout_s: For how long it is waited for.

    Attributes:
        error: What came in between.
    """

    def __init__(self, mode: Mode, subject: Subject, timeout_s: float) -> None:
        self._mode = mode
        self._subject = subject
        self._timeout_s = timeout_s
        self._served_s: float | None = None
        self._account = Account()
        self.edit: Edit | None = None
        self.error: SyncdError | None = None

    async def run(self, number: int, marker: str) -> None:
        """Make it, and look for it while it is on its way."""
        await self._mode.rest()
        with anyio.move_on_after(self._timeout_s):
            try:
                async with task_group() as tasks:
                    tasks.start_soon(self._mode.lasts)
                    await self._follow(number, marker)
                    tasks.cancel_scope.cancel()
            except SyncdError as error:
                self.error = error
        if self.edit is not None:
            self._account = await self._mode.account(self.edit, self._account)

    async def _follow(self, number: int, marker: str) -> None:
        async with task_group() as tasks:
            tasks.start_soon(self._make, number, marker)
            self._served_s = await self._mode.served(marker)

    async def _make(self, number: int, marker: str) -> None:
        self.edit = await self._subject.make(number, marker)
        self.edit = await self._subject.complete(self.edit)
        self._account = await self._mode.push(self.edit)

    def sample(self, blank: Sample) -> Sample:
        """Return `blank` with what became of the edit."""
        if self.edit is None:
            return replace(blank, failed=self._failure())
        saved_s, served_s, account = self.edit.saved_s, self._served_s, self._account
        return replace(
            blank,
            failed=self._failure() if served_s is None else "",
            total_ms=_since(saved_s, served_s),
            applied_ms=_since(saved_s, account.ends.get("applied")),
            steps=split(saved_s, served_s, account.ends),
            batch=account.batch,
            changed_bytes=self.edit.size,
            sent_bytes=account.sent_bytes,
            cpu_s=account.cpu_s,
            agent_cpu_s=account.agent_cpu_s,
        )

    def _failure(self) -> str:
        if self.error is not None:
            return str(self.error)
        what = "not served" if self.edit else "the edit was not made"
        return f"{what} within {self._timeout_s:g} s"


def _since(saved_s: float, at_s: float | None) -> float | None:
    return None if at_s is None else (at_s - saved_s) * 1000
