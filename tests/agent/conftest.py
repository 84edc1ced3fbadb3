from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent_driver import AgentProcess
from tests.places import local, may_mount, nobody, open_path, remote


__all__ = ["agent", "local", "may_mount", "nobody", "open_path", "remote"]


@pytest.fixture
def agent(remote: Path) -> Iterator[AgentProcess]:
    with AgentProcess(remote) as agent:
        yield agent
