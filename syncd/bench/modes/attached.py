"""A daemon that runs already, in the folder that it watches."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio

from syncd.bench.edits import Subject
from syncd.bench.look import Endpoint
from syncd.bench.meter import Look
from syncd.bench.modes.daemon import Daemon
from syncd.cluster.tasks import task_group
from syncd.control import Client, connect


_IN_STEP_S = 60.0


class Attached(Daemon):
    """The daemon of a project, which is left running.

    Its folder is nobody's copy: it is made ready only once the daemon is there, and put
    back whatever happens.

    Args:
        endpoint: Where the target is served.
        agents: Looks at what its agents have used.
        project: The project that it watches.
        subject: What is edited, in the folder itself.
    """

    def __init__(
        self, endpoint: Endpoint, agents: Look, project: Path, subject: Subject
    ) -> None:
        super().__init__("syncd", endpoint, agents)
        self._project = project
        self._subject = subject

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Listen to it, in step from the beginning to the end of the block.

        Raises:
            Absent: If there is none.
            SyncdError: If it does not get in step.
        """
        async with (
            connect(self._project) as asking,
            connect(self._project) as telling,
            task_group() as tasks,
        ):
            self.pid = asking.record.pid
            tasks.start_soon(self._listen, telling)
            await asking.wait(timeout_s=_IN_STEP_S)
            try:
                await self._subject.prepare()
                await asking.wait(timeout_s=_IN_STEP_S)
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await self._subject.undo()
                    await asking.wait(timeout_s=_IN_STEP_S)
                tasks.cancel_scope.cancel()

    async def _listen(self, client: Client) -> None:
        async with aclosing(client.events()) as events:
            async for event in events:
                self.hear({**event, "at": time.monotonic()})
        self.end()
