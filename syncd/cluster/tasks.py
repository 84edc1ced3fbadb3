"""A task group whose foreseeable failures come out as themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import create_task_group
from anyio.abc import TaskGroup

from syncd.errors import SyncdError


@asynccontextmanager
async def task_group() -> AsyncIterator[TaskGroup]:
    """Open a task group that raises the first `SyncdError` of its tasks bare.

    So callers need not know that there is a group. Anything else is a bug, and comes
    out as the group that it is.
    """
    try:
        async with create_task_group() as group:
            yield group
    except BaseExceptionGroup as exc:
        foreseen, unforeseen = exc.split(SyncdError)
        if foreseen is None or unforeseen is not None:
            raise
        raise _first(foreseen) from None


def _first(group: BaseExceptionGroup[SyncdError]) -> SyncdError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
