import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from syncd.ui import stop


PROGRAM = """
import anyio
from syncd.ui import stop

async def work():
    print("working", flush=True)
    try:
        await anyio.sleep_forever()
    finally:
        print("ending", flush=True)
        with anyio.CancelScope(shield={stuck}):
            await anyio.sleep_forever()

print("code", stop.run(work), flush=True)
"""


@contextmanager
def program(*, stuck: bool) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", PROGRAM.format(stuck=stuck)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert next_line(process) == "working"
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_work_in_good_order(number: signal.Signals) -> None:
    with program(stuck=False) as process:
        process.send_signal(number)

        assert next_line(process) == "ending"
        assert next_line(process) == "code None"
        assert process.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_it_at_once(number: signal.Signals) -> None:
    with program(stuck=True) as process:
        process.send_signal(signal.SIGINT)
        assert next_line(process) == "ending"

        process.send_signal(number)

        assert process.wait(5) == 128 + number


def test_work_that_ends_by_itself_gives_its_code() -> None:
    async def work() -> int:
        await anyio.lowlevel.checkpoint()
        return 4

    assert stop.run(work) == 4


def test_an_error_comes_out_as_it_is() -> None:
    async def work() -> int:
        await anyio.lowlevel.checkpoint()
        raise KeyError("x")

    with pytest.raises(KeyError):
        stop.run(work)


def test_work_can_be_stopped_from_within() -> None:
    async def work() -> int:
        stop.ask()
        await anyio.sleep_forever()
        return 0

    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert stop.run(work) is None
    finally:
        for number, handler in zip(
            (signal.SIGINT, signal.SIGTERM), handlers, strict=True
        ):
            signal.signal(number, handler)
