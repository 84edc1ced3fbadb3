from pathlib import Path

from syncd.rebuild.identity import Identity
from syncd.rebuild.memory import Memory
from tests.full_disk import room_for


ONE = Identity({"requirements.txt": ("a", "caf\udce9")})


def test_what_is_remembered_outlives_the_process() -> None:
    Memory.of("server", "shop", "web").remember(ONE, "web:1", 1.0)

    again = Memory.of("server", "shop", "web")

    assert again.known == {ONE.digest: "web:1"}
    assert again.inputs(ONE.digest) == ONE


def test_each_place_has_a_memory_of_its_own(state: Path) -> None:
    Memory.of("server", "shop", "web").remember(ONE, "web:1", 1.0)

    assert Memory.of("server", "shop", "other").known == {}
    assert {f.stat().st_mode & 0o777 for f in (state / "images").iterdir()} == {0o700}


def test_nothing_is_known_of_what_was_never_seen(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m")

    assert memory.known == {}
    assert memory.inputs("0" * 64) is None


def test_the_last_image_of_a_digest_counts(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.remember(ONE, "web:1", 1.0)
    memory.remember(ONE, "web:2", 2.0)

    assert memory.known == {ONE.digest: "web:2"}


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    for number in range(12):
        identity = Identity({"requirements.txt": (str(number),)})
        memory.remember(identity, f"web:{number}", float(number))

    assert list(memory.known.values()) == [f"web:{number}" for number in range(2, 12)]


def test_what_a_crash_left_half_written_tells_nothing(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    (tmp_path / "0.json").write_text('{"image": "web:1"')
    (tmp_path / "1.json").write_text('{"image": "web:1"}')
    (tmp_path / "2.json").write_text("[]")
    (tmp_path / f"{'3' * 64}.json").write_text(
        '{"image": "web:3", "at": 1, "forms": {}}'
    )

    assert memory.known == {"3" * 64: "web:3"}
    assert memory.inputs("3" * 64) is None


def test_a_full_disk_costs_what_it_has_no_room_for_and_nothing_more(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "m")
    memory.remember(ONE, "web:1", 1.0)

    with room_for(3):
        memory.remember(ONE, "web:2", 2.0)
        Memory(tmp_path / "file" / "m").remember(ONE, "web:1", 1.0)

    assert memory.known == {ONE.digest: "web:1"}
    assert Memory(tmp_path / "file" / "m").known == {}
