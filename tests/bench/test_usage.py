"""What processes have used."""

import subprocess
import sys
from pathlib import Path

import pytest

from syncd.bench.usage import AGENTS, Usage, parsed, used


def test_every_agent_of_a_container_is_counted() -> None:
    said = b"1500000 3 4 VmHWM:\t    9216 kB\n\n2000000 1 1 VmHWM:\t 10240 kB\n"

    assert parsed(said) == [Usage(0.0015, 9216 * 1024), Usage(0.002, 10240 * 1024)]


def test_what_cannot_be_read_counts_for_nothing() -> None:
    assert parsed(b"VmHWM: 1 kB\n12 3 4 \nsh: tr: not found\n") == []


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="not Linux")
def test_an_agent_is_found_by_its_command_line() -> None:
    program = "# syncd agent\nprint(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as agent:
        assert agent.stdout
        agent.stdout.readline()
        before = used(agent.pid)
        look = ["sh", "-c", AGENTS]
        said = subprocess.run(look, capture_output=True, check=True).stdout
        after = used(agent.pid)
        agent.communicate(b"\n")

    assert before
    assert after
    assert any(
        before.cpu_s <= found.cpu_s <= after.cpu_s
        and before.peak_rss <= found.peak_rss <= after.peak_rss
        for found in parsed(said)
    )
