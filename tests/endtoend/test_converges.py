"""The promise, end to end: any edits through any faults converge."""

import random
import shutil
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from syncd.loopback.dialect import Dialect
from tests.endtoend.scene import HASTY, Scene, scene
from tests.examples import examples


# Reads one file for ever. Whole, it is one byte over and over, as often as that byte
# says; the program ends with 3 as soon as it sees anything else.
READER = r"""
import sys
while True:
    try:
        data = open("/app/watched", "rb").read()
    except FileNotFoundError:
        data = b"\x01"
    if not data or data != data[:1] * data[0]:
        sys.exit(3)
"""
NAMES = ["a", "b.py", "with space", "line\nbreak", "caf\udce9", "d", "e"]


def paths(draw: random.Random) -> str:
    return "/".join(draw.choices(NAMES, k=draw.choice([1, 1, 2, 3])))


def edit(root: Path, draw: random.Random) -> None:
    """Do one thing that a person or a tool does to a tree."""
    path = root / paths(draw)
    match draw.randrange(8):
        case 0 | 1 | 2:
            write(path, draw.randbytes(draw.choice([0, 3, 3, 4096, 300_000])))
        case 3:
            remove(path)
        case 4:
            move(path, root / paths(draw))
        case 5:
            clear_the_way(path)
            path.symlink_to(draw.choice(["b.py", "../a", "/nowhere"]))
        case 6:
            if path.is_file() and not path.is_symlink():
                path.chmod(draw.choice([0o644, 0o755, 0o600]))
        case _:
            write(root / "watched", bytes([size := draw.randrange(1, 255)]) * size)


def clear_the_way(path: Path) -> None:
    for parent in reversed(path.parents):
        if parent.is_symlink() or parent.is_file():
            parent.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(path)


def write(path: Path, data: bytes) -> None:
    clear_the_way(path)
    aside = path.with_name(".#aside")
    aside.write_bytes(data)
    aside.rename(path)


def remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def move(source: Path, target: Path) -> None:
    if not source.exists() or target.is_relative_to(source):
        return
    if source.is_relative_to(target):
        return
    clear_the_way(target)
    if source.exists():
        source.rename(target)


async def cut(stage: Scene) -> None:
    stage.cluster.faults.link.cut()


async def cut_on_the_way_up(stage: Scene) -> None:
    stage.cluster.faults.link.cut_after(700, "up")


async def cut_before_the_answer(stage: Scene) -> None:
    stage.cluster.faults.link.cut_after(10, "down")


async def stall(stage: Scene) -> None:
    stage.cluster.faults.link.stall()


async def half_open(stage: Scene) -> None:
    stage.cluster.faults.link.half_open()


async def kill_agent(stage: Scene) -> None:
    stage.cluster.node.kill_execs(uid(stage))


async def restart_container(stage: Scene) -> None:
    container = stage.cluster.node.container(uid(stage), "app")
    assert container is not None
    before = container.process
    stage.cluster.node.kill(uid(stage), "app")
    await stage.until(lambda: container.process not in (None, before))


async def replace_pod(stage: Scene) -> None:
    name = stage.pods()[0]["metadata"]["name"]
    stage.cluster.delete(f"pod/{name}", grace_s=0)


async def expire_watches(stage: Scene) -> None:
    stage.cluster.faults.expire_watches()


async def renew_token(stage: Scene) -> None:
    stage.cluster.renew_token()
    stage.cluster.faults.link.cut()


def uid(stage: Scene) -> str:
    return str(stage.pods()[0]["metadata"]["uid"])


FAULTS = {
    "cut": cut,
    "cut on the way up": cut_on_the_way_up,
    "cut before the answer": cut_before_the_answer,
    "stall": stall,
    "half-open": half_open,
    "agent killed": kill_agent,
    "container restarts": restart_container,
    "Pod replaced": replace_pod,
    "watch expires": expire_watches,
    "token expires": renew_token,
}


@settings(
    max_examples=examples(6),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    seed=st.integers(0, 2**32),
    faults=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=4),
    dialect=st.sampled_from(Dialect),
)
@pytest.mark.timeout(240)
def test_any_edits_through_any_faults_converge(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    faults: list[str],
    dialect: Dialect,
) -> None:
    draw = random.Random(seed)

    async def play() -> None:
        base = tmp_path_factory.mktemp("scene")
        reading = ("python3", "-c", READER)
        async with scene(
            base, dialect=dialect, patience=HASTY, command=reading
        ) as stage:
            for fault in faults:
                for _ in range(draw.randrange(1, 8)):
                    edit(stage.folder, draw)
                # Before, inside and after the batch that this makes.
                await anyio.sleep(draw.choice([0, 0.012, 0.05, 0.06, 0.2]))
                if stage.containers():
                    await FAULTS[fault](stage)
                for _ in range(draw.randrange(0, 4)):
                    edit(stage.folder, draw)
            await anyio.sleep(draw.choice([0, 0.1]))
            write(stage.folder / "last", b"last")
            await stage.until_equal()
            statuses = [pod["status"] for pod in stage.pods()]
            codes = [
                state["terminated"]["exitCode"]
                for status in statuses
                for container in status["containerStatuses"]
                for state in (container.get("lastState", {}), container["state"])
                if "terminated" in state
            ]
            assert 3 not in codes, "the reader saw a partial file"

    anyio.run(play)
