"""Noticing edits, and nothing else."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from syncd.reloader.reactor import Reactor
from syncd.reloader.reading import version
from syncd.reloader.watch import Watch


class Eyes:
    """A watch on a folder, and what it notices."""

    def __init__(self, *roots: Path) -> None:
        self.reactor = Reactor()
        self.edits: list[str] = []
        self.watch = Watch(self.reactor, map(str, roots), self.edits.append)
        self.watch.begin()

    def has_read(self, *paths: Path) -> None:
        self.watch.heed({str(path): version(str(path)) for path in paths})

    def notice(self, *paths: Path) -> bool:
        """Wait until something is noticed, and return whether it is `paths` alone."""
        while not self.edits:
            self.reactor.turn()
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        return self.edits == [f"{min(paths)}{more} changed"]

    def close(self) -> None:
        if self.watch.inotify is not None:
            os.close(self.watch.inotify.fileno())


@pytest.fixture
def look() -> Iterator[Callable[..., Eyes]]:
    with ExitStack() as stack:

        def look(*roots: Path) -> Eyes:
            eyes = Eyes(*roots)
            stack.callback(eyes.close)
            return eyes

        yield look


@pytest.fixture
def eyes(folder: Path, look: Callable[..., Eyes]) -> Eyes:
    (folder / "main.py").touch()
    (folder / "package").mkdir()
    return look(folder)


@pytest.mark.parametrize("name", ["main.py", "package/new.py", "new/new.py", "c.so"])
def test_a_source_is_noticed_wherever_it_lies_in_a_root(
    folder: Path, eyes: Eyes, name: str
) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)

    path.write_text("x = 1")

    assert eyes.notice(path)


def test_a_link_to_nothing_hides_no_edit_beside_it(
    folder: Path, look: Callable[..., Eyes]
) -> None:
    paths = [folder / f"{name}.py" for name in "abc"]
    links = [folder / ".#a.py", folder / "link.py"]  # the first as Emacs makes it
    for link in links:
        link.symlink_to("me@host.1:2")
    eyes = look(folder)

    for path in paths:
        path.touch()
    for link in links:
        link.unlink()

    assert eyes.notice(*paths)


def test_what_was_read_is_noticed_outside_of_the_roots_and_in_hidden_folders(
    folder: Path, tmp_path: Path, eyes: Eyes
) -> None:
    (folder / ".config").mkdir()
    paths = [tmp_path / "settings.json", folder / ".config" / "settings.json"]
    for path in paths:
        path.touch()
    eyes.has_read(*paths)

    for path in paths:
        path.write_text("{}")

    assert eyes.notice(*paths)


def test_an_edit_before_it_is_told_what_was_read_is_noticed_all_the_same(
    folder: Path, eyes: Eyes
) -> None:
    data = folder / "data.txt"
    data.write_text("one")
    read = version(str(data))

    data.write_text("other")
    eyes.watch.heed({str(data): read})

    assert eyes.notice(data)


def test_a_file_that_the_program_looked_for_in_vain_is_noticed_when_it_comes(
    folder: Path, eyes: Eyes
) -> None:
    eyes.has_read(folder / "local.ini")

    (folder / "local.ini").touch()

    assert eyes.notice(folder / "local.ini")


def test_a_new_file_in_a_folder_that_was_listed_is_noticed_and_an_old_one_is_not(
    folder: Path, eyes: Eyes
) -> None:
    (folder / "texts").mkdir()
    (folder / "texts" / "old.txt").touch()
    eyes.has_read(folder / "texts")

    (folder / "texts" / "old.txt").write_text("other")
    (folder / "texts" / "old.txt").replace(folder / "texts" / ".backup")
    (folder / "texts" / "old.txt").touch()
    (folder / "main.py").write_text("x = 1")
    assert eyes.notice(folder / "main.py")

    eyes.edits.clear()
    (folder / "texts" / "new.txt").touch()

    assert eyes.notice(folder / "texts")


def test_a_link_that_is_pointed_elsewhere_is_noticed(
    folder: Path, tmp_path: Path, look: Callable[..., Eyes]
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.txt").write_text(name)
    (folder / "now").symlink_to(tmp_path / "one")
    eyes = look(folder)
    data = folder / "now" / "data.txt"
    eyes.has_read(data)

    (folder / "then").symlink_to(tmp_path / "two")
    (folder / "then").replace(folder / "now")

    assert eyes.notice(data)


def test_what_the_program_writes_itself_is_no_edit(folder: Path, eyes: Eyes) -> None:
    state, made = folder / "state.json", folder / "made.py"
    state.touch()
    eyes.has_read(state, made)
    eyes.watch.disown([str(state), str(made)])

    state.write_text("{}")
    made.touch()
    (folder / "main.py").write_text("x = 1")

    assert eyes.notice(folder / "main.py")


def test_what_matters_to_nobody_causes_no_look(folder: Path, eyes: Eyes) -> None:
    (folder / "app.log").write_text("a line")
    (folder / "app.db-journal").touch()
    (folder / "app.db-journal").unlink()
    (folder / "__pycache__").mkdir()
    (folder / ".cache").mkdir()

    eyes.reactor.turn()

    assert not eyes.watch.settling

    (folder / "main.py").write_text("x = 1")
    eyes.reactor.turn()

    assert eyes.watch.settling


def test_what_a_client_did_not_report_is_noticed_when_it_has_gone(
    folder: Path, eyes: Eyes
) -> None:
    names = ("changed.py", "deleted.py", "data.txt", "silent.py")
    changed, deleted, data, silent = (folder / name for name in names)
    deleted.touch()
    eyes.notice(deleted)
    eyes.edits.clear()
    data.touch()
    eyes.has_read(data)

    eyes.watch.paused += 1
    changed.touch()
    deleted.unlink()
    data.write_text("other")
    eyes.watch.take_in([str(changed), str(deleted), str(data)])
    silent.touch()
    eyes.watch.resume()

    assert eyes.notice(silent)


def test_a_client_that_reports_that_anything_may_have_changed_reports_all(
    folder: Path, eyes: Eyes
) -> None:
    eyes.watch.paused += 1
    (folder / "main.py").write_text("x = 1")
    eyes.watch.take_in([])
    eyes.watch.resume()

    assert not eyes.edits


def test_folders_that_become_known_while_a_client_reports_are_known_after_it(
    tmp_path: Path, eyes: Eyes
) -> None:
    library = tmp_path / "library" / "part.py"
    library.parent.mkdir()
    library.touch()

    eyes.watch.paused += 1
    eyes.watch.begin([str(library.parent)])
    eyes.watch.resume()
    assert not eyes.edits
    library.write_text("x = 1")

    assert eyes.notice(library)


def test_the_root_of_all_folders_is_not_watched_which_is_said(
    folder: Path, look: Callable[..., Eyes], capfd: pytest.CaptureFixture[str]
) -> None:
    data = folder / "main.py"
    data.touch()
    eyes = look(Path("/"))
    eyes.has_read(data)

    data.write_text("x = 1")

    assert "/ is not watched" in capfd.readouterr().err
    assert eyes.watch.watched() == []
    assert eyes.notice(data)
