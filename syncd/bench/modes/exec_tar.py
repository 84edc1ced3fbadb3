"""An exec for each save, with `tar` in it: what most tools do."""

import io
import shlex
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread

from syncd.bench.edits import Edit
from syncd.bench.inside import run_in
from syncd.bench.look import Endpoint
from syncd.bench.modes.mode import Account, Mode
from syncd.cluster import Api, Replica
from syncd.cluster.tasks import task_group


class ExecTar(Mode):
    """Opens a stream into each replica, unpacks, and closes it again.

    Args:
        endpoint: Where the target is served.
        api: The cluster.
        replicas: The containers.
        remote: The folder in them.
    """

    def __init__(
        self, endpoint: Endpoint, api: Api, replicas: Sequence[Replica], remote: str
    ) -> None:
        super().__init__("exec-tar", endpoint)
        self._api = api
        self._replicas = replicas
        self._remote = remote

    async def push(self, edit: Edit) -> Account:
        """Send what the edit wrote, and delete what it deleted."""
        packed = await to_thread.run_sync(_pack, edit.folder, edit.changed)
        # By size, since not every API server can end a process's input.
        script = f"head -c {len(packed)} | tar -xf - -C {shlex.quote(self._remote)}"
        if edit.deleted:
            gone = shlex.join(f"{self._remote}/{path}" for path in edit.deleted)
            script += f" && rm -rf {gone}"
        async with task_group() as tasks:
            for replica in self._replicas:
                tasks.start_soon(run_in, self._api, replica, script, packed)
        applied_s = time.monotonic()
        return Account(
            {"applied": applied_s}, sent_bytes=len(packed) * len(self._replicas)
        )


def _pack(folder: Path, paths: Sequence[Path]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in paths:
            archive.add(folder / path, arcname=str(path))
    return packed.getvalue()
