import anyio
import anyio.abc
import pytest

from syncd.rebuild import registry as asked
from tests.rebuild.registry import Registry


async def test_a_registry_tells_what_it_has(registry: Registry) -> None:
    registry.images.add("team/a:syncd-0")

    assert await asked.has(f"{registry.host}/team/a:syncd-0") is True
    assert await asked.has(f"{registry.host}/team/a:syncd-1") is False
    assert "vnd.oci.image.index" in registry.accepted[0]


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_a_registry_that_refuses_does_not_tell(
    registry: Registry, status: int
) -> None:
    registry.status = status

    assert await asked.has(f"{registry.host}/a:1") is None


async def test_a_registry_that_is_not_there_does_not_tell(registry: Registry) -> None:
    assert await asked.has("127.0.0.1:1/a:1") is None
    assert await asked.has("registry.invalid/a:1") is None


async def test_a_registry_that_is_silent_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asked, "_LIMIT_S", 0.1)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)

        assert await asked.has(f"127.0.0.1:{port}/a:1") is None
