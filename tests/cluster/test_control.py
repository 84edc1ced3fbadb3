"""A running `syncd watch` asked by other commands, on the real cluster."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kube import Workload
from tests.cluster.watching import Syncd


pytestmark = pytest.mark.cluster

REMOTE = "/srv"


def names(workload: Workload) -> list[str]:
    return [pod["metadata"]["name"] for pod in workload.pods()]


def test_what_was_saved_before_a_wait_is_in_every_replica_after_it(
    workload: Callable[..., Workload], tmp_path: Path
) -> None:
    web = workload("web", replicas=2, command=("sleep", "100000"))
    local = tmp_path / "local"
    local.mkdir()
    syncd = Syncd(tmp_path / "syncd")
    pair = str(local), f"{web.target}:{REMOTE}", "-n", web.kube.namespace
    with syncd.watch(*pair) as watching:
        watching.until("syncd.in_step")
        for number in range(3):
            (local / "number").write_text(str(number))
            waited = syncd.call("wait", "--timeout", "60", cwd=local)

            assert waited.code == 0, waited.err
            assert json.loads(waited.out)["replicas"] == 2
            for pod in names(web):
                held = web.kube("exec", pod, "--", "cat", f"{REMOTE}/number")
                assert held == str(number)

        status = syncd.call("status", cwd=local)
        second = syncd.call("watch", *pair)
        stopped = syncd.call("stop", cwd=local)
        watching.process.wait(10)
        gone = syncd.call("status", cwd=local)

    told: Any = json.loads(status.out)
    assert status.code == 0
    assert told["pid"] == watching.process.pid
    (target,) = told["targets"]
    assert sorted(r["pod"] for r in target["replicas"]) == sorted(names(web))
    assert {r["state"] for r in target["replicas"]} == {"in step"}
    assert target["batch"]["batch"] == 3
    assert second.code == 3
    assert f"process {watching.process.pid}, since" in second.message
    assert stopped.code == 0
    assert gone.code == 6
