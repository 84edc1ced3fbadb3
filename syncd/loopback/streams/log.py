"""`pods/log`."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from syncd.loopback.apierror import ApiError
from syncd.loopback.dialect import Dialect
from syncd.loopback.kubelet.container import Container
from syncd.loopback.kubelet.facts import Waiting
from syncd.loopback.kubelet.logs import Line, Log
from syncd.loopback.network.wire import mark
from syncd.loopback.node import Node
from syncd.loopback.streams.upgrade import container_of


async def serve_log(
    request: web.Request, node: Node, pod: Mapping[str, Any], dialect: Dialect
) -> web.StreamResponse:
    """Answer with what a container of `pod` wrote.

    Raises:
        ApiError: If the request cannot be served.
    """
    del dialect  # they do not differ here
    mark(request, "log")
    name = container_of(pod, request.query.get("container"))
    answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
    if not pod["spec"].get("nodeName"):
        await answer.prepare(request)
        return answer
    container = node.container(pod["metadata"]["uid"], name)
    log = _log(container, pod, name, previous=_flag(request, "previous"))
    chosen, next_line = _chosen(log, request), log.next_line
    writer = _Writer(request, answer)
    await answer.prepare(request)
    for line in chosen:
        if not await writer.write(line):
            return answer
    if _flag(request, "follow"):
        await _follow(log, next_line, writer)
    return answer


class _Writer:
    """Sends lines as the request wants them, up to its limit."""

    def __init__(self, request: web.Request, answer: web.StreamResponse) -> None:
        self._answer = answer
        self._stamped = _flag(request, "timestamps")
        self._left = _number(request, "limitBytes")

    async def write(self, line: Line) -> bool:
        """Send one line; return whether there may be another."""
        text = line.text
        if self._stamped:
            text = _stamp(line.time_ns).encode() + b" " + text
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
        try:
            await self._answer.write(text)
        except ConnectionError:
            return False
        return self._left != 0


async def _follow(log: Log, number: int, writer: _Writer) -> None:
    while True:
        ended = log.ended
        for line in log.lines(number):
            number = line.number + 1
            if not await writer.write(line):
                return
        if ended:
            return
        await log.changed()


def _log(
    container: Container | None, pod: Mapping[str, Any], name: str, *, previous: bool
) -> Log:
    where = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
    if previous:
        if container is None or container.previous is None:
            raise _bad_request(f"previous terminated {where} not found")
        return container.previous
    if container is None or container.log is None:
        state = container.facts.state if container else Waiting("ContainerCreating")
        reason = state.reason if isinstance(state, Waiting) else ""
        trouble = "trying and failing to pull image"
        why = f"waiting to start: {reason}"
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            why = f"waiting to start: {trouble}"
        raise _bad_request(f"{where} is {why}")
    return container.log


def _chosen(log: Log, request: web.Request) -> list[Line]:
    lines = log.lines()
    since = 0
    if (seconds := _number(request, "sinceSeconds")) is not None:
        now = dt.datetime.now(dt.UTC).timestamp()
        since = int((now - seconds) * 1e9)
    elif moment := request.query.get("sinceTime"):
        since = int(dt.datetime.fromisoformat(moment).timestamp() * 1e9)
    tail = _number(request, "tailLines")
    if tail is not None:
        lines = lines[len(lines) - tail :] if tail < len(lines) else lines
    return [line for line in lines if line.time_ns >= since]


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() in ("true", "1")


def _number(request: web.Request, name: str) -> int | None:
    value = request.query.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        message = f'strconv.ParseInt: parsing "{value}": invalid syntax'
        raise _bad_request(message) from None


def _bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def _stamp(time_ns: int) -> str:
    whole = dt.datetime.fromtimestamp(time_ns // 10**9, dt.UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09d}Z"
