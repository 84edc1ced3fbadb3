"""What people type: processes of kubectl for each save."""

import os
import shlex
import shutil
import time
from collections.abc import Callable, Sequence

from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint
from syncd.bench.modes.mode import Account, Mode
from syncd.bench.modes.process import ran
from syncd.cluster import Replica
from syncd.cluster.tasks import task_group
from syncd.errors import ConfigError


Typed = Callable[[Sequence[str], Replica, str, Edit], list[list[str]]]
"""Returns the commands for a replica: by kubectl, into a folder there, of an edit."""


class Kubectl(Mode):
    """Runs kubectl: one command after the other, and all replicas at the same time.

    Args:
        name: What to call it.
        endpoint: Where the target is served.
        typed: What is run.
        options: What makes kubectl find the cluster.
        replicas: The containers.
        remote: The folder in them.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        typed: Typed,
        options: Sequence[str],
        replicas: Sequence[Replica],
        remote: str,
    ) -> None:
        super().__init__(name, endpoint)
        self._typed = typed
        self._kubectl = ("kubectl", *options)
        self._replicas = replicas
        self._remote = remote

    async def push(self, edit: Edit) -> Account:
        """Bring the edit into each replica."""
        async with task_group() as tasks:
            for replica in self._replicas:
                tasks.start_soon(self._bring, edit, replica)
        return Account({"applied": time.monotonic()})

    async def _bring(self, edit: Edit, replica: Replica) -> None:
        for argv in self._typed(self._kubectl, replica, self._remote, edit):
            await ran(argv, edit.folder, os.environ)


def copied(
    kubectl: Sequence[str], replica: Replica, remote: str, edit: Edit
) -> list[list[str]]:
    """Return a `kubectl cp` of each file. It can neither delete nor make a folder."""
    to = f"{replica.namespace}/{replica.pod}:{remote}"
    head = [*kubectl, "cp", "-c", replica.container]
    return [[*head, str(path), f"{to}/{path}"] for path in edit.changed]


def unpacked(
    kubectl: Sequence[str], replica: Replica, remote: str, edit: Edit
) -> list[list[str]]:
    """Return a `tar` through one `kubectl exec`, as most tools and scripts have it."""
    files = shlex.join(f"./{path}" for path in edit.changed) or "-T /dev/null"
    inside = ["tar", "xf", "-", "-C", remote]
    if edit.deleted:
        gone = shlex.join(f"{remote}/{path}" for path in edit.deleted)
        inside = ["sh", "-c", f"{shlex.join(inside)} && rm -rf {gone}"]
    head = [*kubectl, "exec", "-i", "-n", replica.namespace, replica.pod]
    command = shlex.join([*head, "-c", replica.container, "--", *inside])
    return [["sh", "-c", f"tar cf - {files} | {command}"]]


def check() -> None:
    """Refuse to begin where there is no kubectl.

    Raises:
        ConfigError: Then.
    """
    if shutil.which("kubectl") is None:
        raise ConfigError("there is no kubectl here", hint="leave its modes out")
