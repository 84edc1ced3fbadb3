from pathlib import Path

from syncd.daemon.owned import Owned
from syncd.events import Event, StateUnwritten
from tests.full_disk import room_for


def remembered(journal: Path) -> set[bytes]:
    """Return what the next run would own."""
    owned = Owned(journal, lambda _: None)
    owned.close()
    return {*owned}


def test_what_was_added_is_there_in_the_next_run(tmp_path: Path) -> None:
    told: list[Event] = []
    first = Owned(tmp_path / "owned" / "x", told.append)
    first.update([b"a", b"odd \n\xff"])
    first.close()

    assert remembered(tmp_path / "owned" / "x") == {b"a", b"odd \n\xff"}
    assert told == []


def test_a_name_cut_short_by_a_crash_owns_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"whole\0cut")

    owned = Owned(tmp_path / "x", lambda _: None)
    owned.update([b"next"])
    owned.close()

    assert (tmp_path / "x").read_bytes() == b"whole\0next\0"


def test_a_full_disk_is_told_once_and_costs_no_more_than_the_memory_of_it(
    tmp_path: Path,
) -> None:
    told: list[Event] = []
    owned = Owned(tmp_path / "x", told.append)
    owned.update([b"before"])

    with room_for(10):
        owned.update([b"during"])
        owned.update([b"still"])

        assert (tmp_path / "x").read_bytes() == b"before\0"
    owned.close()
    assert owned == {b"before", b"during", b"still"}
    (said,) = told
    assert isinstance(said, StateUnwritten)
    assert said.path == str(tmp_path / "x")
    assert "XDG_STATE_HOME" in said.hint


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(
    tmp_path: Path,
) -> None:
    owned = Owned(tmp_path / "x", lambda _: None)
    with room_for(3):
        owned.update([b"during"])
    owned.update([b"after"])
    with room_for(3):
        owned.update([b"late"])
    owned.close()

    assert remembered(tmp_path / "x") == {b"during", b"after", b"late"}


def test_where_nothing_can_be_kept_it_is_told_and_held_in_memory(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    told: list[Event] = []

    owned = Owned(tmp_path / "file" / "owned" / "x", told.append)
    owned.update([b"a"])
    owned.close()

    assert owned == {b"a"}
    assert [type(event) for event in told] == [StateUnwritten]
