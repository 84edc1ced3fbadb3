"""What `syncd sync` does, on the embedded cluster: all in step once, then the end."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from syncd import daemon
from syncd.config import RunRule
from syncd.errors import Overdue, TargetError, TransportError
from syncd.events import Event, FolderScanned, HookRan, InStep, SessionRefused
from tests.endtoend.scene import PATIENCE, Scene, contents, scene


LARGE = 3 << 20  # bytes; a smaller file is sent from memory, as it was scanned


@dataclass
class Once:
    """A scene whose own daemon has ended.

    Attributes:
        rules: The target's.
        hears: Called with each event of `run`.
        events: All of them.
    """

    stage: Scene
    rules: tuple[RunRule, ...] = ()
    hears: Callable[[Event], None] = lambda _: None
    events: list[Event] = field(default_factory=list)

    async def run(self, once_s: float = 60) -> int:
        """Do as `syncd sync` does, and return its exit code."""
        (target,) = self.stage.settings.targets
        target = target.model_copy(update={"rules": self.rules})
        settings = self.stage.settings.model_copy(update={"targets": (target,)})
        return await daemon.run(settings, self._hear, once_s=once_s, patience=PATIENCE)

    def heard(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def write(self, name: str, content: bytes = b"x") -> None:
        (self.stage.folder / name).write_bytes(content)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.hears(event)


@asynccontextmanager
async def stopped(
    base: Path, *command: str, timeout_s: float = 30, **of_scene: Any
) -> AsyncIterator[Once]:
    """Give a scene in which `command` follows a change of `req.txt`."""
    rule = RunRule(
        paths=("req.txt",), action="run", run=command or ("true",), timeout_s=timeout_s
    )
    async with scene(base, **of_scene) as stage:
        await stage.stop()
        yield Once(stage, (rule,))


async def test_a_sync_ends_when_what_its_changes_ask_for_has_run(
    tmp_path: Path,
) -> None:
    async with stopped(tmp_path, "sh", "-c", "sleep 0.3; touch ran", replicas=2) as one:
        one.write("req.txt")

        assert await one.run() == 0
        assert [b"ran" in contents(c) for c in one.stage.containers()] == [True] * 2


async def test_a_command_that_fails_makes_a_sync_fail_and_shows_its_last_words(
    tmp_path: Path,
) -> None:
    async with stopped(tmp_path, "sh", "-c", "echo no such package; exit 3") as one:
        one.write("req.txt")

        assert await one.run() == 1
        (ran,) = one.heard(HookRan)
        assert (ran.code, ran.output) == (3, "no such package\n")
        assert one.heard(InStep)


async def test_a_command_has_the_time_of_its_rule_and_no_more(tmp_path: Path) -> None:
    async with stopped(tmp_path, "sleep", "1000", timeout_s=0.2) as one:
        one.write("req.txt")

        assert await one.run() == 1
        assert [ran.code for ran in one.heard(HookRan)] == [None]


async def test_a_sync_that_runs_out_of_time_names_what_is_not_in_step(
    tmp_path: Path,
) -> None:
    async with stopped(tmp_path) as one:
        one.write("large", bytes(range(256)) * (LARGE >> 8))
        one.stage.cluster.faults.link.shape(1, 2_000_000)

        with pytest.raises(Overdue, match=r"within 0.5 s: container app of Pod web-"):
            await one.run(once_s=0.5)
        assert one.heard(InStep) == []


async def test_a_sync_that_reaches_nobody_names_whom_and_why(tmp_path: Path) -> None:
    async with stopped(tmp_path) as one:
        one.stage.cluster.faults.refuse(500, only=lambda to: to.subresource == "exec")

        with pytest.raises(TransportError, match=r"container app of Pod web-.*: "):
            await one.run(once_s=0.5)


async def test_a_container_that_refuses_ends_a_sync_by_name(tmp_path: Path) -> None:
    bare: dict[str, Any] = {"tools": "none", "command": ("pause", "9")}
    async with stopped(tmp_path, **bare, until=SessionRefused) as one:
        with pytest.raises(TargetError, match=r"container app of Pod web-.*neither"):
            await one.run()


async def test_a_file_that_changes_while_it_is_read_is_sent_all_the_same(
    tmp_path: Path,
) -> None:
    async with stopped(tmp_path) as one:

        def change(event: Event) -> None:
            if isinstance(event, FolderScanned):
                one.write("large", b"2" * LARGE)

        one.write("large", b"1" * LARGE)
        one.hears = change

        assert await one.run() == 0
        assert one.stage.is_equal()
