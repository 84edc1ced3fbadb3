from dataclasses import replace
from typing import Any

import pytest

from tests.places import NOBODY, local, may_mount, nobody, open_path, remote
from tests.shell.shells import Shell, busybox, gnu


__all__ = ["local", "may_mount", "nobody", "open_path", "remote", "shell", "somebody"]


@pytest.fixture(params=[gnu, busybox], ids=["gnu", "busybox"])
def shell(request: pytest.FixtureRequest) -> Shell:
    made: Shell = request.param()
    return made


@pytest.fixture
def somebody(shell: Shell, nobody: dict[str, Any]) -> Shell:
    """The shell of a user that may do little."""
    return replace(shell, user=NOBODY)
