"""Two containers of one Pod that share a volume: one host name, two sets of processes."""

import os
from pathlib import Path

from syncd.delta import Delta
from tests.agent_driver import AgentProcess, codes, everything, tree_at, written


APART = ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "--fork", "--pid"]


def test_what_another_container_stages_is_not_swept(
    local: Path, remote: Path, may_mount: None
) -> None:
    written(local, a="new", b="new")
    prefix = [*APART, "--mount-proc"]
    with (
        AgentProcess(remote, prefix=prefix) as web,
        AgentProcess(remote, prefix=prefix) as worker,
    ):
        *frames, end = Delta(local, everything(local)).frames(1, 0)
        web.send(b"".join(frames))
        web.ask({"op": "ping", "id": 1})
        worker.listing("")
        web.send(end)
        applied = web.answer()

    assert codes(applied) == {}
    assert tree_at(remote) == tree_at(local)
