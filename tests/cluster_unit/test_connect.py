import sys
from pathlib import Path

import anyio
import pytest

from syncd.cluster import connect
from syncd.errors import Halted
from tests.cluster_unit.connecting import PODS, connected, counting_plugin, show_request
from tests.cluster_unit.server import (
    NAME,
    serving,
    write_kubeconfig,
)


async def test_an_object_is_got_with_the_token_of_the_kubeconfig(
    tmp_path: Path,
) -> None:
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, url)
        async with connected(kubeconfig) as api:
            seen = await api.get(
                PODS, labelSelector="app in (a,b)", watch=False, x=None
            )

    assert seen["authorization"] == "Bearer secret"
    assert seen["path"] == f"{PODS}?labelSelector=app+in+%28a%2Cb%29&watch=false"
    assert (api.context, api.server, api.namespace) == (NAME, url, "default")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({"token": "t\n"}, "Bearer t"),
        ({}, ""),
    ],
)
async def test_each_kind_of_user_is_understood(
    tmp_path: Path, user: dict[str, str], expected: str
) -> None:
    async with (
        serving(show_request) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        assert (await api.get(PODS))["authorization"] == expected


async def test_impersonation_of_the_kubeconfig_is_kept(tmp_path: Path) -> None:
    user = {
        "token": "t",
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": {"team": ["x"]},
    }
    async with (
        serving(show_request) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        headers = (await api.get(PODS))["headers"]

    assert [pair for pair in headers if pair[0].startswith("Impersonate")] == [
        ["Impersonate-User", "jane"],
        ["Impersonate-Uid", "7"],
        ["Impersonate-Group", "a"],
        ["Impersonate-Group", "b"],
        ["Impersonate-Extra-team", "x"],
    ]


async def test_a_netrc_does_not_meddle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login a password b")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        serving(show_request) as url,
        connected(write_kubeconfig(tmp_path, url, user={})) as api,
    ):
        assert (await api.get(PODS))["authorization"] == ""


async def test_a_path_in_the_servers_address_is_kept(tmp_path: Path) -> None:
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, f"{url}/k8s/clusters/c-1/")
        async with connected(kubeconfig) as api:
            assert (await api.get(PODS))["path"] == f"/k8s/clusters/c-1{PODS}"


async def test_a_foreign_context_is_refused_before_its_plugin_runs(
    tmp_path: Path,
) -> None:
    user = counting_plugin(tmp_path)
    kubeconfig = write_kubeconfig(tmp_path, "https://10.0.0.1", user=user, name="prod")

    with pytest.raises(Halted, match='context "prod"'):
        async with connected(kubeconfig):
            pass

    assert not (tmp_path / "count").exists()


async def test_an_allowed_context_is_not_refused(tmp_path: Path) -> None:
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, name="prod")
        async with connect(
            kubeconfig=kubeconfig, allow_contexts=["prod"], environ={}
        ) as api:
            assert await api.get(PODS)


async def test_importing_the_package_imports_no_http_client() -> None:
    script = (
        "import sys, syncd.cluster;"
        "sys.exit(bool({'aiohttp', 'kubernetes'} & sys.modules.keys()))"
    )

    await anyio.run_process([sys.executable, "-c", script])
