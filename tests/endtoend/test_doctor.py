"""`syncd doctor` on the embedded cluster."""

from pathlib import Path

from syncd.config import Flags, Settings, load
from syncd.doctor import Finding, examine
from syncd.errors import ConfigError
from tests.endtoend.rebuilding import Lay, Project
from tests.endtoend.scene import NAMESPACE, scene


async def examined(
    folder: Path, kubeconfig: Path, *, pair: tuple[str, str] | None = None
) -> list[Finding]:
    flags = Flags(kubeconfig=str(kubeconfig), namespace=NAMESPACE)
    found: list[Finding] = []
    await examine(
        lambda: load(folder, environ={}, flags=flags, pair=pair), found.append
    )
    return found


async def of(made: Project, kubeconfig: Path | None = None) -> list[Finding]:
    return await examined(made.folder, kubeconfig or made.cluster.kubeconfig)


def bad(found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.verdict == "failed"]


async def test_where_all_is_well_each_check_says_what_it_found(lay: Lay) -> None:
    async with lay() as made:
        found = await of(made)

    (pod,) = made.pods()
    name = pod["metadata"]["name"]
    said = {each.check: each.said for each in found}
    assert bad(found) == []
    assert said["settings"].endswith("syncd.toml: deployment/web")
    assert said["folder app"] == "files to sync: 1, folders: 1"
    assert "watches are needed" in said["inotify"]
    assert said["builder of deployment/web"] == "docker"
    assert said["API server"].startswith("Kubernetes v1.36")
    assert said["rights in default for deployment/web"] == "all that syncd needs"
    assert said["Pods of deployment/web"] == f"1 running: {name}"
    inside = [each.said for each in found if each.check == f"container app of {name}"]
    assert inside[0].startswith("python 3.")
    assert inside[1] == "/app is there and writable"


async def test_a_right_that_is_missing_is_named_with_the_rule_that_grants_it(
    lay: Lay,
) -> None:
    async with lay() as made:
        account = await made.account("pods", "deployments", "replicasets", "events")
        found = await of(made, account)

    rights = [each for each in found if each.check.startswith("rights in default")]
    told = {(each.verdict, each.said): each.remedy for each in rights}
    assert told["failed", "this account may not get or create pods/exec"] == (
        'a Role with the rule {apiGroups: [""], resources: [pods/exec], verbs: [get,'
        " create]}, bound to this account"
    )
    assert (
        "warning",
        "this account may not get pods/log: reloads are not seen",
    ) in told
    assert ("failed", "this account may not patch deployments") in told
    assert len(rights) == 3


async def test_what_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        config, folder = stage.cluster.kubeconfig, str(stage.folder)
        gone = await examined(
            stage.folder, config, pair=(folder, "deployment/wbe:/app")
        )
        missing = await examined(
            stage.folder, config, pair=(folder, "deployment/web:/app/nowhere")
        )

    (no_workload,) = bad(gone)
    assert no_workload.check == "Pods of deployment/wbe"
    assert "does not exist" in no_workload.said
    (no_root,) = bad(missing)
    assert no_root.said == "/app/nowhere does not exist"
    assert "correct `remote`" in no_root.remedy


async def test_a_container_without_anything_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path, tools="sh") as stage:
        pair = (str(stage.folder), "deployment/web:/app")
        found = await examined(stage.folder, stage.cluster.kubeconfig, pair=pair)

    warnings = [each.said for each in found if each.verdict == "warning"]
    assert "no Python in the container" in warnings
    assert bad(found) == []


async def test_an_api_server_that_is_away_ends_the_checks(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        pair = (str(stage.folder), "deployment/web:/app")
        await stage.stop()
        await stage.cluster.faults.kill_server()
        found = await examined(stage.folder, stage.cluster.kubeconfig, pair=pair)

    assert [each.check for each in found][-2:] == ["context", "API server"]
    assert found[-1].verdict == "failed"
    assert found[-1].remedy


async def test_a_folder_that_is_not_there_is_told_and_the_rest_is_checked(
    lay: Lay,
) -> None:
    async with lay() as made:
        (made.folder / "app" / "version").unlink()
        (made.folder / "app").rmdir()
        found = await of(made)

    assert [each.check for each in bad(found)] == ["settings"]


async def test_settings_that_make_no_sense_are_all_that_is_said() -> None:
    def broken() -> Settings:
        raise ConfigError("no syncd.toml", hint="write one")

    found: list[Finding] = []
    await examine(broken, found.append)

    assert found == [Finding("settings", "failed", "no syncd.toml", "write one")]
