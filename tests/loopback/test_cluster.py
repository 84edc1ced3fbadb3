"""The cluster as a whole: how it begins, how it is used, how it ends."""

import json
import os
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
import yaml

from syncd.loopback.apierror import ApiError
from syncd.loopback.cluster import CONTEXT, Loopback
from syncd.loopback.dialect import QUICK, Dialect
from syncd.loopback.image import Image
from syncd.loopback.readiness import is_ready
from syncd.loopback.store import Event
from tests.loopback.manifests import deployment, namespace, pod


RECORDINGS = Path(__file__).parent.parent / "recordings"
IDLE = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done")
SLEEP = Image("box:1", command=IDLE, tools="sh")
WEB = Image("web:1", command=IDLE, tools="sh")
# Quick to go as well: PID 1 gets no TERM that it does not catch.
UP = "touch /tmp/up; trap 'exit 0' TERM; while :; do sleep 0.05; done"


@pytest.fixture
async def cluster() -> AsyncIterator[Loopback]:
    async with Loopback(images=[SLEEP, WEB], pace=QUICK) as cluster:
        yield cluster


def shape(obj: dict[str, Any]) -> dict[str, Any]:
    """A Pod as far as its life is told by it."""
    metadata, status = obj["metadata"], obj["status"]
    return {
        "leaving": metadata.get("deletionGracePeriodSeconds"),
        "phase": status.get("phase"),
        "conditions": {c["type"]: c["status"] for c in status.get("conditions", ())},
        "containers": [
            (next(iter(c["state"]), ""), c["ready"])
            for c in status.get("containerStatuses", ())
        ],
    }


def lives(pods: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, list[Any]]:
    """The life of each Pod, by name, in the order of their first events."""
    found: dict[str, list[Any]] = {}
    for kind, obj in pods:
        found.setdefault(obj["metadata"]["name"], []).append((kind, shape(obj)))
    return found


def recorded(dialect: Dialect) -> list[list[Any]]:
    """The Pod that a rollout brought, its whole life, and the one after it."""
    version = dialect.value.removeprefix("v")
    path = RECORDINGS / f"watch-{version}-rollout-and-delete.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    pods = [(row["type"], row["object"]) for row in rows if row["type"] != "BOOKMARK"]
    return list(lives(pods).values())


@pytest.mark.parametrize("dialect", Dialect, ids=str)
async def test_pods_live_and_leave_as_recorded(dialect: Dialect) -> None:
    async with Loopback(images=[WEB], dialect=dialect, pace=QUICK) as cluster:
        events = await rolled_over_and_deleted(cluster)
    pods = [(e.type, e.after) for e in events if e.resource.kind == "Pod"]

    assert list(lives(pods).values()) == recorded(dialect)


async def rolled_over_and_deleted(cluster: Loopback) -> list[Event]:
    """Restart a rollout, then delete its Pod; return every write since."""
    web = deployment(replicas=1)
    (container,) = web["spec"]["template"]["spec"]["containers"]
    ready = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1}
    container["readinessProbe"] = ready
    container["command"] = ["sh", "-c", UP]
    await cluster.apply(web)
    await cluster.ready("deployment/web")
    start = cluster.store.revision
    restart = {"kubectl.kubernetes.io/restartedAt": "now"}
    web["spec"]["template"]["metadata"]["annotations"] = restart
    await cluster.apply(web)
    await cluster.ready("deployment/web")
    (second,) = (
        p for p in cluster.all("pods") if "deletionTimestamp" not in p["metadata"]
    )
    cluster.delete(f"pod/{second['metadata']['name']}")
    await cluster.until(lambda: len(deleted(cluster.store.since(start))) == 2)
    await cluster.ready("deployment/web")
    return cluster.store.since(start)


def deleted(events: list[Event]) -> list[Event]:
    return [e for e in events if e.type == "DELETED" and e.resource.kind == "Pod"]


def authority(cluster: Loopback) -> str:
    """The certificate that the kubeconfig trusts."""
    (entry,) = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"]
    return b64decode(entry["cluster"]["certificate-authority-data"]).decode()


async def test_the_kubeconfig_is_complete_and_private(cluster: Loopback) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    (entry,) = config["clusters"]
    context = ssl.create_default_context(cadata=authority(cluster))
    token = config["users"][0]["user"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{entry['cluster']['server']}/api/v1/pods", ssl=context) as answer,
    ):
        assert answer.status == 200

    assert config["current-context"] == CONTEXT == "syncd-loopback"
    assert cluster.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert cluster.folder.stat().st_mode & 0o777 == 0o700


async def test_a_renewed_token_is_in_the_kubeconfig(cluster: Loopback) -> None:
    before = cluster.token
    cluster.faults.expire_tokens()
    cluster.renew_token()

    assert cluster.token != before
    assert cluster.token in cluster.kubeconfig.read_text()


async def test_an_account_has_a_token_that_its_roles_limit(cluster: Loopback) -> None:
    context = ssl.create_default_context(cadata=authority(cluster))
    token = cluster.account_token("default", "default", ttl_s=60)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{cluster.url}/api/v1/pods", ssl=context) as answer,
    ):
        text = await answer.text()

    assert answer.status == 403
    assert "system:serviceaccount:default:default" in text


async def test_a_manifest_of_many_documents_is_applied_and_applied_again(
    cluster: Loopback,
) -> None:
    text = yaml.safe_dump_all([namespace("app"), deployment(), None])
    await cluster.apply(text, namespace="app")
    first = cluster.get("deployment/web", namespace="app")
    await cluster.apply(text, namespace="app")
    second = cluster.get("deploy/web", namespace="app")

    assert first
    assert second
    assert first["metadata"]["generation"] == second["metadata"]["generation"]


async def test_a_manifest_that_is_refused_raises_the_refusal(
    cluster: Loopback,
) -> None:
    with pytest.raises(ApiError, match='namespaces "nosuch" not found'):
        await cluster.apply(pod(), namespace="nosuch")


async def test_waiting_in_vain_says_what_the_pods_say(cluster: Loopback) -> None:
    await cluster.apply(deployment(image="nosuch:1", replicas=1))

    with pytest.raises(TimeoutError, match=r"web is not ready: web-.+ is \w+"):
        await cluster.ready("deployment/web", timeout_s=0.5)


async def test_an_image_can_come_while_the_cluster_runs(cluster: Loopback) -> None:
    await cluster.apply(pod(image="late:1"))
    await cluster.until(lambda: "ErrImagePull" in str(cluster.get("pod/box")))
    cluster.images["late:1"] = Image("late:1", command=IDLE, tools="sh")
    await cluster.ready("pod/box")


async def test_a_container_that_dies_is_started_again(cluster: Loopback) -> None:
    await cluster.apply(pod())
    uid = (await cluster.ready("pod/box"))["metadata"]["uid"]
    cluster.node.kill(uid, "box")

    def restarted() -> bool:
        box = cluster.get("pod/box")
        assert box
        (container,) = box["status"]["containerStatuses"]
        return container["restartCount"] == 1 and is_ready(box)

    await cluster.until(restarted)


async def test_a_deleted_pod_takes_its_processes_with_it(cluster: Loopback) -> None:
    await cluster.apply(pod())
    uid = (await cluster.ready("pod/box"))["metadata"]["uid"]
    cluster.delete("pod/box", grace_s=1)
    await cluster.until(lambda: cluster.get("pod/box") is None)

    assert cluster.node.gone(uid)


async def test_a_configmap_reaches_the_environment(cluster: Loopback) -> None:
    config = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "c"},
        "data": {"GREETING": "hello"},
    }
    box = pod()
    (container,) = box["spec"]["containers"]
    container["envFrom"] = [{"configMapRef": {"name": "c"}}]
    container["command"] = ["sh", "-c", 'test "$GREETING" = hello && exec sleep 1000']
    await cluster.apply(config)
    await cluster.apply(box)
    await cluster.ready("pod/box")


async def test_nothing_is_left_behind() -> None:
    async with Loopback(images=[SLEEP], pace=QUICK) as cluster:
        await cluster.apply(pod())
        await cluster.ready("pod/box")
        folder, url = cluster.folder, cluster.url

    assert not folder.exists()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url, ssl=False)
    assert not [line for line in running_processes() if IDLE[-1] in line]


def running_processes() -> list[str]:
    """The command lines of this process's descendants."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == os.getpgid(0):
                    lines.append((entry / "cmdline").read_text())
            except OSError:
                continue
    return lines


async def test_a_folder_that_was_given_stays(tmp_path: Path) -> None:
    async with Loopback(tmp_path / "cluster", pace=QUICK) as cluster:
        assert cluster.kubeconfig == tmp_path / "cluster" / "kubeconfig"

    assert (tmp_path / "cluster" / "kubeconfig").exists()


async def test_two_clusters_do_not_know_each_other() -> None:
    async with Loopback(pace=QUICK) as one, Loopback(pace=QUICK) as other:
        await one.apply(namespace("app"))

        assert one.get("namespace/app")
        assert other.get("namespace/app") is None
        assert one.url != other.url


async def test_the_body_s_own_error_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Loopback(pace=QUICK):
            raise ZeroDivisionError


async def test_a_cancelled_cluster_ends_at_once() -> None:
    with anyio.move_on_after(5) as patience, anyio.CancelScope() as scope:
        async with Loopback(images=[SLEEP], pace=QUICK) as cluster:
            await cluster.apply(pod())
            await cluster.ready("pod/box")
            scope.cancel()
            await anyio.sleep_forever()

    assert not patience.cancelled_caught
    assert not cluster.folder.exists()
