"""What is refused before anything is changed."""

from typing import Any, cast

import pytest

from syncd.cluster import Api
from syncd.config import Reloader
from syncd.errors import TargetError
from syncd.inject.inject import Anybody, inject
from tests.inject.test_site import SPEC, document


class ReadOnly:
    """An API server that knows one workload, and cannot change it."""

    def __init__(self, workload: dict[str, Any]) -> None:
        self.workload = workload

    async def get(self, path: str) -> dict[str, Any]:
        assert path == "/apis/apps/v1/namespaces/default/deployments/web"
        return self.workload


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ([], "its image's own command"),
        (["/bin/bash", "-c", "exec uvicorn main:app"], "a shell"),
        (["./entrypoint.sh", "uvicorn", "main:app"], "a shell"),
        (["/usr/bin/tini", "--", "uvicorn", "main:app"], "tini"),
    ],
)
async def test_a_command_that_is_known_not_to_be_pythons_is_refused(
    command: list[str], what: str
) -> None:
    api = cast("Api", ReadOnly(document(command=command)))

    with pytest.raises(TargetError, match=what) as error:
        await inject(api, SPEC, Reloader(), (), Anybody(), print)

    assert 'command = ["uvicorn"' in error.value.hint
