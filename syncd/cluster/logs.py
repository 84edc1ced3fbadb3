"""A container's log, followed."""

import datetime as dt
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

    @property
    def at_s(self) -> float:
        """Its time in seconds since 1970, 0 where it has none: the node put it in."""
        try:
            return dt.datetime.fromisoformat(self.time).timestamp()
        except ValueError:
            return 0.0


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


class ContainerLog:
    """The log of one container, read in order: no line comes twice.

    The API takes `since` by the second, whatever it is given. So of the lines in the
    last second it is known how many were read, and that many are passed over.

    Args:
        api: The cluster.
        replica: The container.
        tail: How many lines `history` yields at most.
    """

    def __init__(self, api: Api, replica: Replica, tail: int) -> None:
        self._api = api
        self._replica = replica
        self._tail = tail
        self._last_s = 0.0
        self._second = 0
        self._read = 0  # lines of that second

    async def history(self) -> AsyncGenerator[LogLine, None]:
        """Yield the last lines that there are. Use with `aclosing`."""
        self._last_s, self._second, self._read = 0.0, 0, 0
        opened = follow_log(self._api, self._replica, tail=self._tail, follow=False)
        async with aclosing(opened) as lines:
            async for line in lines:
                self._note(line.at_s)
                yield line

    async def follow(self) -> AsyncGenerator[LogLine, None]:
        """Yield what comes after the lines that were read. Use with `aclosing`.

        Ends when the container does. After a broken connection, call it again.
        """
        since = dt.datetime.fromtimestamp(self._second, dt.UTC)
        asked = f"{since:%Y-%m-%dT%H:%M:%SZ}" if self._second else None
        passed, last_s = self._read, self._last_s
        opened = follow_log(self._api, self._replica, since=asked)
        async with aclosing(opened) as lines:
            async for line in lines:
                if passed and line.at_s <= last_s:
                    passed -= 1
                    continue
                passed = 0
                self._note(line.at_s)
                yield line

    def _note(self, time_s: float) -> None:
        self._last_s = max(self._last_s, time_s)
        if int(time_s) > self._second:
            self._second, self._read = int(time_s), 0
        if int(time_s) == self._second:
            self._read += 1
