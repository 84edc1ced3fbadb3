from pathlib import Path

from syncd.daemon.folder import Folder
from syncd.events import Event, Failed


async def test_what_a_look_that_was_not_believed_should_have_seen_is_seen_by_the_next(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_text("1")
    said: list[Event] = []
    folder = await Folder.open(root, (), said.append)

    root.rename(tmp_path / "away")
    root.mkdir()
    (tmp_path / "away" / "b").write_text("2")
    assert not any(await folder.look(frozenset({b"b"})))
    root.rmdir()
    (tmp_path / "away").rename(root)

    assert (await folder.look(frozenset({b"a"}))).changed == {b"b"}
    assert [type(event) for event in said][1:] == [Failed]
