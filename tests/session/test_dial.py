"""Who answers in a container whose Python is missing, old or broken."""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from anyio import to_thread

from syncd.cluster import Api
from syncd.errors import TargetError
from syncd.session import Link, Patience, dial
from syncd.session.stream import ProcessEnded
from tests.cluster_unit.execs import SUCCESS, WEB, cluster


MISSING = 'exec: "{}": executable file not found in $PATH'


def ended(code: int) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    status = {"reason": "NonZeroExitCode", "details": {"causes": causes}}
    return b"\x03" + json.dumps(status | {"status": "Failure"}).encode()


def missing(program: str) -> bytes:
    status = {"reason": "InternalError", "message": MISSING.format(program)}
    return b"\x03" + json.dumps(status | {"status": "Failure"}).encode()


@asynccontextmanager
async def container(
    tmp_path: Path, python: tuple[int, bytes] | None, *, shell: bool = True
) -> AsyncIterator[Api]:
    """A container in which `python3` ends with a code and some words."""
    asked: list[web.BaseRequest] = []

    async def script(ws: web.WebSocketResponse) -> None:
        argv = asked[-1].query.getall("command")
        if argv[0] == "python3" and python is not None:
            await ws.send_bytes(b"\x02" + python[1])
            await ws.send_bytes(ended(python[0]))
        elif argv[0] == "sh" and shell:
            ran = await to_thread.run_sync(
                lambda: subprocess.run(argv, capture_output=True, check=True)
            )
            await ws.send_bytes(b"\x01" + ran.stdout)
            await ws.send_bytes(SUCCESS)
        else:
            await ws.send_bytes(missing(argv[0]))

    async with cluster(tmp_path, script, asked=asked) as api:
        yield api


async def met(api: Api) -> Link:
    async with dial(api, WEB, [], Patience()) as link:
        return link


@pytest.mark.parametrize(
    ("python", "why"),
    [
        pytest.param(None, "no Python in the container", id="none"),
        pytest.param(
            (2, b"Unknown option: -I\ntry -h\n"), "python3 is older than 3.8", id="2.7"
        ),
        pytest.param((91, b"syncd needs\n"), "python3 is older than 3.8", id="3.6"),
        pytest.param(
            (1, b"Traceback\nMemoryError\n"),
            "python3: the agent's process ended with code 1: MemoryError",
            id="broken",
        ),
    ],
)
async def test_where_no_python_answers_the_shell_does_and_says_why(
    tmp_path: Path, python: tuple[int, bytes] | None, why: str
) -> None:
    async with container(tmp_path, python) as api:
        link = await met(api)

    assert link.hello.via.startswith("sh + ")
    assert link.hello.limits[0] == why


@pytest.mark.parametrize("python", [None, (2, b""), (91, b"")])
async def test_without_a_shell_either_it_is_said_what_was_looked_for(
    tmp_path: Path, python: tuple[int, bytes] | None
) -> None:
    async with container(tmp_path, python, shell=False) as api:
        with pytest.raises(TargetError, match="has neither Python"):
            await met(api)


async def test_a_python_that_ends_is_tried_again_where_there_is_no_shell(
    tmp_path: Path,
) -> None:
    async with container(tmp_path, (1, b"MemoryError\n"), shell=False) as api:
        with pytest.raises(ProcessEnded, match="MemoryError"):
            await met(api)
