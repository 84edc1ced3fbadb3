"""Who may not, and how it is said, on a real cluster."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from syncd.cluster import (
    Api,
    Forbidden,
    NotFound,
    Replica,
    TargetSpec,
    Unauthorized,
    View,
    connect,
    follow,
    open_exec,
)
from syncd.errors import ConfigError, Halted
from tests.cluster.kube import BUSYBOX, Kube, Workload


pytestmark = pytest.mark.cluster

READ = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
EXEC = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]}


@pytest.fixture(scope="module")
def web(workload: Callable[..., Workload]) -> Workload:
    return workload("web", image=BUSYBOX)


async def first_view(api: Api, spec: TargetSpec) -> View:
    send, receive = anyio.create_memory_object_stream[View](1)
    view = View()
    async with anyio.create_task_group() as tasks, receive:
        tasks.start_soon(follow, api, spec, send, lambda _: None)
        view = await receive.receive()
        tasks.cancel_scope.cancel()
    return view


async def run(api: Api, replica: Replica) -> None:
    async with open_exec(api, replica, ["true"]) as stream:
        await stream.receive()


async def test_an_account_without_exec_is_told_the_role_that_grants_it(
    kube: Kube, web: Workload, namespace: str, tmp_path: Path
) -> None:
    token = kube.account("reader", READ)
    kubeconfig = kube.kubeconfig(tmp_path / "config", token=token)
    async with connect(kubeconfig=kubeconfig) as api:
        view = await first_view(api, TargetSpec.parse("app=web", namespace))
        with pytest.raises(Forbidden) as denied:
            await run(api, view.replicas[0])

    account = f"system:serviceaccount:{namespace}:reader"
    assert f"account {account} may not get pods/exec" in str(denied.value)
    assert f'in namespace "{namespace}"' in str(denied.value)
    assert (
        f'a Role in namespace "{namespace}" with the rule {{apiGroups: [""],'
        ' resources: ["pods/exec"], verbs: ["get", "create"]}'
    ) in denied.value.hint
    assert account in denied.value.hint


async def test_the_role_of_the_hint_is_enough(
    kube: Kube, web: Workload, namespace: str, tmp_path: Path
) -> None:
    token = kube.account("developer", READ, EXEC)
    kubeconfig = kube.kubeconfig(tmp_path / "config", token=token)
    async with connect(kubeconfig=kubeconfig) as api:
        view = await first_view(api, TargetSpec.parse("app=web", namespace))

        await run(api, view.replicas[0])


async def test_an_account_that_may_not_list_is_told_so(
    kube: Kube, web: Workload, namespace: str, tmp_path: Path
) -> None:
    token = kube.account("nobody")
    kubeconfig = kube.kubeconfig(tmp_path / "config", token=token)
    send, receive = anyio.create_memory_object_stream[View](1)
    spec = TargetSpec.parse(web.target, namespace)
    async with connect(kubeconfig=kubeconfig) as api:
        with receive, pytest.raises(Forbidden, match="may not list deployments") as no:
            await follow(api, spec, send, lambda _: None)

    assert (
        'resources: ["deployments"], verbs: ["get", "list", "watch"]' in no.value.hint
    )


async def test_a_token_that_is_none_is_refused(
    kube: Kube, namespace: str, tmp_path: Path
) -> None:
    kubeconfig = kube.kubeconfig(tmp_path / "config", token="nonsense")
    async with connect(kubeconfig=kubeconfig) as api:
        with pytest.raises(Unauthorized, match="does not accept the credentials") as no:
            await api.get(f"/api/v1/namespaces/{namespace}/pods")

    assert "nonsense" not in f"{no.value} {no.value.hint}"


async def test_a_foreign_context_is_refused_until_it_is_named(
    kube: Kube, namespace: str, tmp_path: Path
) -> None:
    kubeconfig = kube.kubeconfig(tmp_path / "config", name="production")

    with pytest.raises(Halted) as refused:
        async with connect(kubeconfig=kubeconfig):
            pass
    assert 'allow_contexts = ["production"]' in refused.value.hint

    async with connect(kubeconfig=kubeconfig, allow_contexts=["production"]) as api:
        assert await api.get(f"/api/v1/namespaces/{namespace}/pods")


async def test_a_context_that_does_not_exist_is_refused(cluster: None) -> None:
    with pytest.raises(ConfigError, match='no context "nowhere"'):
        async with connect(context="nowhere"):
            pass


async def test_what_does_not_exist_is_named(api: Api, namespace: str) -> None:
    with pytest.raises(NotFound, match='pods "gone" not found'):
        await api.get(f"/api/v1/namespaces/{namespace}/pods/gone")


async def test_a_server_side_apply_takes_over_only_by_force(
    api: Api, kube: Kube, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"a": "1"},
    }
    made = await api.apply(path, body)
    merged = await api.patch(path, {"data": {"b": "2"}}, kind="merge")
    again = await api.apply(path, body | {"data": {"a": "3"}}, force=True)

    assert made["data"] == {"a": "1"}
    assert merged["data"] == {"a": "1", "b": "2"}
    assert again["data"] == {"a": "3", "b": "2"}
