from pathlib import Path

import anyio
import pytest

from syncd.daemon.folder import Folder


async def test_what_is_torn_again_and_again_is_given_longer_and_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = await Folder.open(tmp_path, (), lambda _: None)
    waited: list[float] = []

    async def sleep(delay_s: float) -> None:
        waited.append(delay_s)

    monkeypatch.setattr(anyio, "sleep", sleep)
    for name in b"aaaaaaaab":
        folder.look_again([bytes([name])])
        await folder.doubted()

    assert waited == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 0.05]
