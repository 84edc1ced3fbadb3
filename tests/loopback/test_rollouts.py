"""A rollout and a deleted Pod, write for write as they were recorded."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncd.loopback.dialect import Dialect
from syncd.loopback.store import Event
from tests.loopback.manifests import deployment
from tests.loopback.plane import Plane, running


RECORDED = Path(__file__).parent.parent / "recordings" / "loopback-rollouts.jsonl"
RESTART = "kubectl.kubernetes.io/restartedAt"
SERVICE = {
    "kind": "Service",
    "apiVersion": "v1",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


def reported(status: dict[str, Any], generation: int) -> tuple[bool, dict[str, int]]:
    """Whether the status is of the present spec, and its counts."""
    counts = {k: v for k, v in status.items() if isinstance(v, int)}
    return counts.pop("observedGeneration", 0) == generation, counts


def recorded(dialect: Dialect, kind: str) -> list[dict[str, Any]]:
    rows = map(json.loads, RECORDED.read_text().splitlines())
    version = dialect.value.removeprefix("v")
    return [r for r in rows if (r["version"], r["kind"]) == (version, kind)]


async def rolled_over(plane: Plane) -> list[Event]:
    """Restart a rollout and delete the new Pod; return every write of it."""
    node = plane.node
    plane.create(SERVICE)
    plane.create(deployment(replicas=1))
    await anyio.wait_all_tasks_blocked()
    start = plane.store.revision
    (old,) = node.pods
    node.runs, node.ready, node.lingers = False, False, True
    web = plane.get("deployments", "web")
    metadata = {**web["spec"]["template"]["metadata"], "annotations": {RESTART: "now"}}
    template = {**web["spec"]["template"], "metadata": metadata}
    plane.context.update({**web, "spec": {**web["spec"], "template": template}})
    await anyio.wait_all_tasks_blocked()
    (new,) = node.pods.keys() - {old}
    await turn(node.run, new)
    await turn(node.make_ready, new)
    await turn(node.end, old)
    await turn(node.remove, old)
    await turn(plane.context.delete, plane.all("pods", "default")[0])
    (newest,) = node.pods.keys() - {new}
    await turn(node.end, new)
    await turn(node.run, newest)
    await turn(node.remove, new)
    await turn(node.make_ready, newest)
    return plane.store.since(start)


async def turn(act: Any, *args: Any) -> None:
    act(*args)
    await anyio.wait_all_tasks_blocked()


@pytest.fixture(scope="module", params=Dialect, ids=str)
def rollout(request: Any, tmp_path_factory: Any) -> tuple[Dialect, list[Event]]:
    """One rollout for all tests of a dialect."""

    async def run() -> list[Event]:
        folder = tmp_path_factory.mktemp("cluster")
        async with running(folder, request.param, serving=False) as plane:
            return await rolled_over(plane)

    return request.param, anyio.run(run)


def test_a_deployment_reports_as_recorded(rollout: tuple[Dialect, list[Event]]) -> None:
    dialect, events = rollout

    assert [
        (
            reported(obj["status"], obj["metadata"]["generation"]),
            {
                c["type"]: [c["status"], c["reason"]]
                for c in obj["status"]["conditions"]
            },
        )
        for obj in (e.after for e in events if e.resource.kind == "Deployment")
    ] == [
        (
            reported(row["status"], row["generation"]),
            {c[0]: c[1:] for c in row["conditions"]},
        )
        for row in recorded(dialect, "Deployment")
    ]


def test_replica_sets_report_as_recorded(rollout: tuple[Dialect, list[Event]]) -> None:
    dialect, events = rollout
    sets = [e.after for e in events if e.resource.kind == "ReplicaSet"]
    newest = sets[0]["metadata"]["name"]
    rows = recorded(dialect, "ReplicaSet")
    known = rows[0]["name"]
    for kind in (True, False):  # each set by itself: they are not ordered together
        assert [
            reported(obj["status"], obj["metadata"]["generation"])
            for obj in sets
            if (obj["metadata"]["name"] == newest) is kind
        ] == [
            reported(row["status"], row["generation"])
            for row in rows
            if (row["name"] == known) is kind
        ]


def test_a_slice_has_the_conditions_that_were_recorded(
    rollout: tuple[Dialect, list[Event]],
) -> None:
    dialect, events = rollout
    ours = [e.after for e in events if e.resource.kind == "EndpointSlice"]

    assert without_repeats(
        [[e["conditions"] for e in obj.get("endpoints") or ()] for obj in ours]
    ) == without_repeats(
        [
            [e["conditions"] for e in row["endpoints"]]
            for row in recorded(dialect, "EndpointSlice")
        ]
    )


def without_repeats(items: list[Any]) -> list[Any]:
    """Real slices are written for a new timestamp alone, which ours do not have."""
    return [item for at, item in enumerate(items) if at == 0 or item != items[at - 1]]
