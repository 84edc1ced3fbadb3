from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from aiohttp import web

from syncd.cluster import Unauthorized
from syncd.errors import ConfigError, Halted, TransportError
from tests.cluster_unit.connecting import (
    PODS,
    authorization,
    connected,
    counting_plugin,
    show_request,
)
from tests.cluster_unit.server import (
    answer,
    serving,
    status,
    write_kubeconfig,
)


def only(token: str) -> Any:
    async def handle(request: web.BaseRequest) -> web.Response:
        if authorization(request) != f"Bearer {token}":
            return status(401, "Unauthorized", "Unauthorized")
        return answer({"items": []})

    return handle


async def test_a_401_has_the_kubeconfig_read_again(tmp_path: Path) -> None:
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"token": "old"})
        async with connected(kubeconfig) as api:
            with pytest.raises(Unauthorized) as refused:
                await api.get(PODS)
            write_kubeconfig(tmp_path, url, user={"token": "new"})

            assert await api.get(PODS) == {"items": []}

    assert 'user "me"' in str(refused.value)
    assert "old" not in str(refused.value)
    assert "sign in" in refused.value.hint


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"tokenFile": "token"})
        async with connected(kubeconfig) as api:
            with pytest.raises(Unauthorized):
                await api.get(PODS)
            token.write_text("new\n")

            assert await api.get(PODS)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot read the token file"), ("\n", "is empty")],
)
async def test_a_token_file_that_is_none_is_named(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    kubeconfig = write_kubeconfig(
        tmp_path, "https://127.0.0.1:1", user={"tokenFile": "token"}
    )
    async with connected(kubeconfig) as api:
        with pytest.raises(ConfigError, match=said):
            await api.get(PODS)


async def test_a_plugin_is_run_once_for_as_long_as_its_token_lasts(
    tmp_path: Path,
) -> None:
    user = counting_plugin(tmp_path, 3600)
    async with (
        serving(show_request) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        seen = [(await api.get(PODS))["authorization"] for _ in range(3)]

    assert seen == ["Bearer token-1"] * 3


async def test_a_plugin_is_run_again_when_its_token_ends(tmp_path: Path) -> None:
    user = counting_plugin(tmp_path, 1)  # that is within the margin
    async with (
        serving(show_request) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        seen = [(await api.get(PODS))["authorization"] for _ in range(2)]

    assert seen == ["Bearer token-1", "Bearer token-2"]


async def test_a_401_has_the_plugin_run_again(tmp_path: Path) -> None:
    user = counting_plugin(tmp_path)
    async with (
        serving(only("token-2")) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        assert await api.get(PODS)


async def test_many_requests_renew_the_credentials_once(tmp_path: Path) -> None:
    user = counting_plugin(tmp_path)
    async with (
        serving(only("token-2")) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(5):
            tasks.start_soon(api.get, PODS)

    assert (tmp_path / "count").read_text() == "2"


async def test_an_oidc_token_that_ended_is_left_to_kubectl(tmp_path: Path) -> None:
    user = {
        "auth-provider": {
            "name": "oidc",
            "config": {"id-token": "e30.eyJleHAiOjF9.x", "refresh-token": "secret"},
        }
    }
    async with (
        serving(show_request) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        with pytest.raises(TransportError, match=r"OIDC token .* has expired") as no:
            await api.get(PODS)

    assert "kubectl --context" in no.value.hint
    assert "secret" not in f"{no.value}{no.value.hint}"


@pytest.mark.parametrize("token", ["", "a.b.c", "e30.e30.x", "e30.W10.x"])
async def test_an_oidc_token_that_is_none_counts_as_ended(
    tmp_path: Path, token: str
) -> None:
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    kubeconfig = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    async with connected(kubeconfig) as api:
        with pytest.raises(TransportError, match="has expired"):
            await api.get(PODS)


async def test_a_provider_of_the_past_is_refused(tmp_path: Path) -> None:
    user = {"auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/false"}}}
    kubeconfig = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    async with connected(kubeconfig) as api:
        with pytest.raises(ConfigError, match='"gcp" of user "me" is of the past'):
            await api.get(PODS)


async def test_an_oidc_token_is_used_while_it_lasts(tmp_path: Path) -> None:
    token = "e30.eyJleHAiOjk5OTk5OTk5OTl9.x"
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    async with (
        serving(show_request) as url,
        connected(write_kubeconfig(tmp_path, url, user=user)) as api,
    ):
        assert (await api.get(PODS))["authorization"] == f"Bearer {token}"


async def test_a_context_that_comes_to_point_elsewhere_halts(tmp_path: Path) -> None:
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"token": "old"})
        async with connected(kubeconfig) as api:
            write_kubeconfig(tmp_path, "https://127.0.0.1:1", user={"token": "new"})

            with pytest.raises(Halted, match=r"now points to https://127.0.0.1:1"):
                await api.get(PODS)


async def test_what_becomes_current_later_is_of_no_matter(tmp_path: Path) -> None:
    async with serving(only("new")) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"token": "new"})
        content = yaml.safe_load(kubeconfig.read_text())
        async with connected(kubeconfig) as api:
            kubeconfig.write_text(
                yaml.safe_dump(content | {"current-context": "production"})
            )

            assert await api.get(PODS)


async def test_a_token_file_is_read_anew_before_its_token_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.cluster.credentials.TOKEN_FILE_S", 0.0)
    token = tmp_path / "token"
    token.write_text("one")
    async with serving(show_request) as url:
        kubeconfig = write_kubeconfig(tmp_path, url, user={"tokenFile": "token"})
        async with connected(kubeconfig) as api:
            first = await api.get(PODS)
            token.write_text("two")
            second = await api.get(PODS)

    assert first["authorization"] == "Bearer one"
    assert second["authorization"] == "Bearer two"
