"""A container's log, followed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from syncd.cluster.api import Api
from syncd.cluster.failures import Answer, Asked, Invalid, NotFound, NotRunning, refusal
from syncd.cluster.lines import lines_of
from syncd.cluster.pods import Replica


_MAX_LINE = 4 * 2**20


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that the container wrote.

    Attributes:
        time: The node's clock, in RFC 3339, as the API takes it back as `since`.
        text: As written, without the newline.
    """

    time: str
    text: bytes


async def follow_log(
    api: Api,
    replica: Replica,
    *,
    since: str | None = None,
    tail: int | None = None,
    follow: bool = True,
    previous: bool = False,
) -> AsyncGenerator[LogLine, None]:
    """Yield the lines of a container's log as they are written. Use with `aclosing`.

    Ends when the container does. Going on with its successor, or after a broken
    connection, is the caller's: with `since`, whose own line comes again.

    Args:
        api: The cluster.
        replica: The container.
        since: Only what is not older than this time of a `LogLine`.
        tail: Only the last so many lines, to begin with.
        follow: Whether to wait for more.
        previous: Whether to read the log of the container's last life.

    Raises:
        NotRunning: If the container has no log yet, or is gone.
        Forbidden: If a Role is missing.
        TransportError: If the connection broke.
    """
    path = f"/api/v1/namespaces/{replica.namespace}/pods/{replica.pod}/log"
    opening = api.stream(
        path,
        container=replica.container,
        timestamps=True,
        follow=follow or None,
        previous=previous or None,
        sinceTime=since,
        tailLines=tail,
    )
    async with opening as answer:
        if isinstance(answer, Answer):
            asked = Asked("get", "pods/log", "", replica.namespace, replica.pod)
            error = refusal(asked, answer)
            if isinstance(error, NotFound | Invalid):
                raise NotRunning(str(error))
            raise error
        async with aclosing(lines_of(answer, _MAX_LINE)) as lines:
            async for line in lines:
                time, _, text = line.partition(b" ")
                yield LogLine(time.decode("ascii", "replace"), text)
