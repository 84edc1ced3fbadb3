import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio.lowlevel
import pytest

from syncd.cluster.failures import (
    Answer,
    Forbidden,
    Refused,
    Unreachable,
    asked,
    refusal,
)
from syncd.cluster.lines import lines_of
from syncd.cluster.outage import Outage
from syncd.cluster.ports import Body, Timing
from syncd.cluster.watching import Changed, Event, Gone, Listed, Watches, watch
from syncd.errors import Halted, ProtocolError, SyncdError
from syncd.events import ApiBack, ApiLost, Event as Reported
from tests.cluster_unit.fakes import QUICK, FakeBody, answered, denied


PATH = "/api/v1/namespaces/shop/pods"
CUT = Unreachable("cut")


def thing(version: int, name: str = "a") -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def body(*items: bytes | SyncdError | tuple[str, object]) -> FakeBody:
    found = FakeBody()
    for item in items:
        if isinstance(item, tuple):
            found.event(*item)
        else:
            found.put(item)
    found.end()
    return found


class Script:
    """A source of watches that does what it is told, one thing after the other."""

    def __init__(self, *steps: int | FakeBody | Answer | SyncdError) -> None:
        self.timing: Timing = QUICK
        self.outage = Outage("https://api")
        self.watches = Watches()
        self.asked: list[str] = []
        self._steps = list(steps)

    async def get(self, path: str, **params: object) -> dict[str, Any]:
        step = self._steps.pop(0)
        self.asked.append("list")
        if isinstance(step, Answer):
            raise refusal(asked("GET", path), step)
        if isinstance(step, SyncdError):
            raise step
        assert isinstance(step, int), step
        return {"metadata": {"resourceVersion": str(step)}, "items": [thing(step)]}

    @asynccontextmanager
    async def stream(
        self, path: str, *, idle_s: float | None = None, **params: object
    ) -> AsyncIterator[Answer | Body]:
        self.asked.append(f"watch {params['resourceVersion']}")
        assert params["watch"] is True
        assert params["allowWatchBookmarks"] is True
        assert idle_s == self.timing.watch_idle
        step = self._steps.pop(0)
        if isinstance(step, SyncdError):
            raise step
        assert isinstance(step, FakeBody | Answer), step
        yield step

    @property
    def is_over(self) -> bool:
        return not self._steps


class Seen:
    """What a watch over a script yields and reports until the script is over."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reported: list[Reported] = []

    async def run(self, *steps: int | FakeBody | Answer | SyncdError) -> Script:
        script = Script(*steps, Halted("the script is over"))
        with pytest.raises(Halted, match="the script is over"):
            await self._take_all(script)
        return script

    async def _take_all(self, script: Script) -> None:
        async for event in watch(script, PATH, self.reported.append, x="y"):
            self.events.append(event)


async def test_it_lists_and_then_watches_from_there() -> None:
    seen = Seen()

    script = await seen.run(
        5, body(("ADDED", thing(6)), ("MODIFIED", thing(7)), ("DELETED", thing(8)))
    )

    assert seen.events == [
        Listed((thing(5),)),
        Changed(thing(6)),
        Changed(thing(7)),
        Gone(thing(8)),
    ]
    assert script.asked == ["list", "watch 5", "watch 8"]
    assert seen.reported == []


async def test_a_watch_that_ends_is_resumed_after_its_last_event() -> None:
    seen = Seen()

    script = await seen.run(5, body(("ADDED", thing(6))), body(("ADDED", thing(9))))

    assert script.asked == ["list", "watch 5", "watch 6", "watch 9"]


async def test_a_bookmark_moves_the_place_to_resume_from() -> None:
    seen = Seen()

    script = await seen.run(5, body(("BOOKMARK", thing(60))))

    assert script.asked == ["list", "watch 5", "watch 60"]
    assert seen.events == [Listed((thing(5),))]


async def test_an_event_that_was_cut_comes_again_whole() -> None:
    line = json.dumps({"type": "ADDED", "object": thing(6)}).encode() + b"\n"
    seen = Seen()

    script = await seen.run(5, body(line[:20], CUT), body(line[:9], line[9:]))

    assert script.asked == ["list", "watch 5", "watch 5", "watch 6"]
    assert seen.events == [Listed((thing(5),)), Changed(thing(6))]


async def test_a_cut_alone_is_not_an_outage() -> None:
    seen = Seen()

    await seen.run(5, body(CUT), body())

    assert seen.reported == []


EXPIRED = {"code": 410, "reason": "Expired", "message": "too old resource version"}


@pytest.mark.parametrize(
    "expired",
    [body(("ERROR", EXPIRED)), answered(EXPIRED, 410)],
    ids=["event in a 200", "status"],
)
async def test_a_forgotten_version_costs_a_new_list(expired: FakeBody | Answer) -> None:
    seen = Seen()

    script = await seen.run(5, body(("ADDED", thing(6))), expired, 50)

    assert script.asked == ["list", "watch 5", "watch 6", "list", "watch 50"]
    assert seen.events[-1] == Listed((thing(50),))
    assert seen.reported == []


async def test_another_error_event_is_resumed_from() -> None:
    seen = Seen()

    script = await seen.run(5, body(("ERROR", {"code": 500, "message": "etcd"})))

    assert script.asked == ["list", "watch 5", "watch 5"]


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"[]\n", b'{"type": "ADDED"}\n', b"\xff\n"]
)
async def test_what_is_no_event_is_as_good_as_a_cut(line: bytes) -> None:
    seen = Seen()

    script = await seen.run(5, body(line))

    assert script.asked == ["list", "watch 5", "watch 5"]


async def test_an_outage_is_said_once_and_its_end_once() -> None:
    down = [Unreachable("connection refused")] * 5
    seen = Seen()

    await seen.run(5, body(CUT), *down, body(("ADDED", thing(6))), body())

    lost, back = seen.reported
    assert lost == ApiLost(server="https://api", reason="connection refused")
    assert isinstance(back, ApiBack)
    assert back.away_s >= 0
    assert seen.events[-1] == Changed(thing(6))


async def test_an_outage_during_a_new_list_is_waited_for() -> None:
    seen = Seen()

    script = await seen.run(
        5, body(("ERROR", EXPIRED)), Unreachable("refused"), 50, body()
    )

    assert script.asked == [
        *("list", "watch 5", "list", "list", "watch 50", "watch 50"),
    ]
    assert [event.name for event in seen.reported] == ["api.lost", "api.back"]


async def test_a_403_of_a_server_that_just_started_passes() -> None:
    seen = Seen()

    await seen.run(5, body(CUT), denied("watch", "pods"), body(("ADDED", thing(6))))

    assert seen.events[-1] == Changed(thing(6))


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([Unreachable("refused")], Unreachable),
        ([Forbidden("no")], Forbidden),
        ([answered({}, 500)], Refused),
        ([5, denied("watch", "pods")], Forbidden),
    ],
    ids=["unreachable", "may not list", "list fails", "may not watch"],
)
async def test_what_fails_to_begin_with_is_raised(
    steps: list[Any], error: type[SyncdError]
) -> None:
    script = Script(*steps)

    with pytest.raises(error):
        async for _ in watch(script, PATH, lambda _: None):
            pass

    assert script.is_over


async def test_a_cut_before_the_first_watch_is_waited_for() -> None:
    seen = Seen()

    await seen.run(5, CUT, answered({}, 500), body(("ADDED", thing(6))))

    assert seen.events[-1] == Changed(thing(6))


async def test_a_context_that_moved_ends_the_watch_at_any_time() -> None:
    await Seen().run(5, body(("ADDED", thing(6))))


class TestLines:
    async def lines(self, *chunks: bytes, longest: int = 100) -> list[bytes]:
        return [line async for line in lines_of(body(*chunks), longest)]

    async def test_chunks_may_be_cut_anywhere(self) -> None:
        found = await self.lines(b"a", b"b\nc", b"\n", b"\nd\ne\n")

        assert found == [b"ab", b"c", b"", b"d", b"e"]

    async def test_what_was_cut_off_is_dropped(self) -> None:
        assert await self.lines(b"a\nb") == [b"a"]

    async def test_a_line_without_end_is_refused(self) -> None:
        with pytest.raises(ProtocolError, match="a line of more than 100 bytes"):
            await self.lines(b"a\n", *[b"x" * 60] * 2)


async def test_a_watch_that_is_doubted_is_opened_anew() -> None:
    lively = FakeBody()
    lively.event("ADDED", thing(6))
    source = Script(5, FakeBody(), lively)

    async with aclosing(watch(source, "/things", lambda _: None)) as events:
        found = [await anext(events)]
        async with anyio.create_task_group() as tasks:

            async def doubt() -> None:
                while "watch 5" not in source.asked:
                    await anyio.lowlevel.checkpoint()
                source.watches.doubt(older_than_s=-1)

            tasks.start_soon(doubt)
            found.append(await anext(events))

    assert found == [Listed((thing(5),)), Changed(thing(6))]
    assert source.asked == ["list", "watch 5", "watch 5"]
