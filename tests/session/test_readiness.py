"""Ready is asked after reloaded, and said once."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import pytest

from syncd.cluster import Probe
from syncd.events import BatchReady, Event, ReloadUnready, SessionLimited
from syncd.session.readiness import TRIES, Readiness
from syncd.session.report import Report, Who
from tests.session.container import Container, MemoryLink


HEALTHZ = Probe(kind="http", host="10.0.0.1", port=80, scheme="HTTP", path="/healthz")


@dataclass
class Stand:
    """A container that is asked, and what was said of it."""

    readiness: Readiness
    container: Container
    events: list[Event]

    async def settle(self) -> None:
        await anyio.wait_all_tasks_blocked()


@asynccontextmanager
async def asking(
    probe: Probe | None = HEALTHZ,
    reasons: Sequence[str] = (),
    *,
    asks: bool = True,
) -> AsyncIterator[Stand]:
    events: list[Event] = []
    container = Container(reasons=iter(reasons))
    who = Who("deployment/web", "web-0", "app")
    report = Report(who, events.append, anyio.current_time)
    link = MemoryLink(container, asks=asks)
    readiness = Readiness(link, lambda: probe, report)
    readiness.tell_limits()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(readiness.ask)
        yield Stand(readiness, container, events)
        tasks.cancel_scope.cancel()


async def test_batches_that_reloaded_together_are_ready_together() -> None:
    async with asking() as stand:
        stand.readiness.reloaded(1, anew=True)
        stand.readiness.reloaded(2, anew=True)
        await stand.settle()

    said = [(e.batch, e.probe) for e in stand.events if isinstance(e, BatchReady)]
    assert said == [(1, str(HEALTHZ)), (2, str(HEALTHZ))]
    assert stand.container.asked == [HEALTHZ]


@pytest.mark.parametrize("probe", [None, Probe(kind="grpc", port=9000)])
async def test_without_a_probe_that_can_be_asked_reloaded_counts_as_ready(
    probe: Probe | None,
) -> None:
    async with asking(probe) as stand:
        stand.readiness.reloaded(1, anew=True)
        await stand.settle()

    ready = stand.events[-1]
    assert isinstance(ready, BatchReady)
    assert (ready.ready_ms, ready.probe) == (None, "")
    assert stand.container.asked == []


async def test_what_needed_no_reload_is_not_asked_for() -> None:
    async with asking() as stand:
        stand.readiness.reloaded(1, anew=False)
        await stand.settle()

    assert [type(event) for event in stand.events] == [BatchReady]
    assert stand.container.asked == []


async def test_a_program_that_is_not_ready_is_told_of_once() -> None:
    async with asking(reasons=["HTTP 503"] * 3) as stand:
        stand.readiness.reloaded(1, anew=True)
        await stand.settle()

    unready, ready = stand.events
    assert isinstance(unready, ReloadUnready)
    assert (unready.batches, unready.reason) == ((1,), "HTTP 503")
    assert isinstance(ready, BatchReady)


async def test_a_program_that_never_gets_ready_is_given_up() -> None:
    async with asking(reasons=["HTTP 503"] * 1000) as stand:
        stand.readiness.reloaded(1, anew=True)
        await stand.settle()

    assert [type(event) for event in stand.events] == [ReloadUnready]
    assert len(stand.container.asked) == TRIES


async def test_nothing_is_ready_with_code_that_does_not_start() -> None:
    async with asking() as stand:
        stand.readiness.reloaded(1, anew=True)
        stand.readiness.failed()
        await stand.settle()

    assert stand.events == []
    assert stand.container.asked == []


async def test_code_that_fails_while_it_is_asked_for_is_not_told_to_be_unready() -> (
    None
):
    async with asking() as stand:

        def fail_meanwhile() -> Iterator[str]:
            stand.readiness.failed()
            yield "HTTP 503"

        stand.container.reasons = fail_meanwhile()
        stand.readiness.reloaded(1, anew=True)
        await stand.settle()

    assert stand.events == []


@pytest.mark.parametrize(
    ("probe", "asks", "limit"),
    [
        (HEALTHZ, False, "is not asked without Python in the container"),
        (Probe(kind="grpc", port=9000), True, "is not asked over gRPC"),
        (Probe(kind="tcp", host="10.0.0.1"), True, "no port of the container has"),
    ],
)
async def test_a_probe_that_cannot_be_asked_is_told_of(
    probe: Probe, asks: bool, limit: str
) -> None:
    async with asking(probe, asks=asks) as stand:
        pass

    (limited,) = stand.events
    assert isinstance(limited, SessionLimited)
    assert limit in limited.limits[0]
