import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings, strategies as st

from syncd.events import Failed, RootFound, RootLost, WatchOverflowed, WatchStarted
from syncd.ignore import Ignore
from syncd.scan import Scanner
from syncd.watch import Hints, Quiet, Watched, watch
from tests.examples import examples
from tests.scan.disk import Edit, edits, snapshot, unprivileged
from tests.watch.watching import Watching, watches, watching


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def roomy() -> Iterator[Path]:
    """A folder that is quick to fill and to remove."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def git(root: Path, *argv: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *argv],
        cwd=root,
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )


async def test_it_says_what_it_watches_and_that_all_is_to_be_looked_at(
    root: Path,
) -> None:
    (root / "a" / "b").mkdir(parents=True)

    async with watching(root) as running:
        (started,) = running.said(WatchStarted)

    assert isinstance(started, WatchStarted)
    assert (started.root, started.folders, started.backend) == (str(root), 3, "inotify")


async def test_hints_carry_the_time_of_the_first_event(root: Path) -> None:
    async with watching(root) as running:
        before = anyio.current_time()
        (root / "x").write_text("")
        (root / "y").write_text("")

        hints = await running.only()

        assert before <= hints.at <= anyio.current_time() - 0.05
        assert hints.paths == {0: {b"x", b"y"}}


@pytest.mark.parametrize(
    "name", [b"with space", b"new\nline", b"\xff\xfe", b"n" * 255, b"\xc3\xa9"]
)
async def test_names_are_bytes(root: Path, name: bytes) -> None:
    async with watching(root) as running:
        (root / os.fsdecode(name)).write_text("")

        hints = await running.only()

    assert hints.paths == {0: {name}}


async def test_a_change_of_mode_and_a_new_link_are_changes(root: Path) -> None:
    (root / "run").write_text("")
    (root / "folder").mkdir()
    async with watching(root) as running:
        (root / "run").chmod(0o755)
        mode = await running.only()
        (root / "link").symlink_to("run")
        link = await running.only()
        (root / "folder").chmod(0o750)
        folder = await running.only()

    assert [h.paths for h in (mode, link, folder)] == [
        {0: {b"run"}},
        {0: {b"link"}},
        {0: {b"folder"}},
    ]


async def test_a_folder_that_can_be_read_at_last_is_watched_to_the_bottom(
    roomy: Path,
) -> None:
    (roomy / "closed" / "deep").mkdir(parents=True)
    with unprivileged(roomy):
        (roomy / "closed").chmod(0)
        async with watching(roomy) as running:
            (roomy / "closed").chmod(0o755)
            opened = await running.only()
            (roomy / "closed" / "deep" / "x").write_text("")
            inside = await running.only()

    assert opened.paths == {0: {b"closed"}}
    assert inside.paths == {0: {b"closed/deep/x"}}


async def test_a_root_that_can_be_read_at_last_is_looked_at_whole(
    roomy: Path,
) -> None:
    with unprivileged(roomy):
        async with watching(roomy) as running:
            roomy.chmod(0)
            roomy.chmod(0o755)

            assert (await running.only()).everything == {0}


async def test_folders_that_come_filled_are_watched_to_the_bottom(root: Path) -> None:
    async with watching(root) as running:
        (root / "a" / "b" / "c").mkdir(parents=True)
        (root / "a" / "b" / "c" / "x").write_text("")
        first = await running.only()
        (root / "a" / "b" / "c" / "y").write_text("")
        second = await running.only()

    assert b"a" in first.paths[0]
    assert second.paths == {0: {b"a/b/c/y"}}


async def test_a_folder_that_is_moved_in_is_watched(tmp_path: Path, root: Path) -> None:
    (tmp_path / "made" / "sub").mkdir(parents=True)
    async with watching(root) as running:
        (tmp_path / "made").rename(root / "in")
        first = await running.only()
        (root / "in" / "sub" / "x").write_text("")
        second = await running.only()

    assert first.paths == {0: {b"in"}}
    assert second.paths == {0: {b"in/sub/x"}}


async def test_a_folder_that_is_moved_out_is_gone(tmp_path: Path, root: Path) -> None:
    (root / "out" / "sub").mkdir(parents=True)
    async with watching(root) as running:
        (root / "out").rename(tmp_path / "out")
        first = await running.only()
        left = watches()
        (tmp_path / "out" / "sub" / "x").write_text("")
        later = await running.rest()
        (root / "out").mkdir()
        again = await running.only()

    assert first.paths == {0: {b"out"}}
    assert later == []
    assert again.paths == {0: {b"out"}}
    assert left == watches_of(root)


def watches_of(root: Path) -> int:
    """Return how many watches the root alone costs: itself, and folders above."""
    return 1 + len(root.parents)


async def test_paths_are_right_after_a_folder_was_renamed(root: Path) -> None:
    (root / "old" / "sub").mkdir(parents=True)
    async with watching(root) as running:
        (root / "old").rename(root / "new")
        first = await running.only()
        (root / "new" / "sub" / "x").write_text("")
        second = await running.only()

    assert first.paths == {0: {b"old", b"new"}}
    assert second.paths == {0: {b"new/sub/x"}}


async def test_two_folders_that_change_places_keep_their_names_apart(
    root: Path,
) -> None:
    (root / "a").mkdir()
    (root / "b").mkdir()
    async with watching(root) as running:
        (root / "a").rename(root / "c")
        (root / "b").rename(root / "a")
        (root / "c").rename(root / "b")
        first = await running.only()
        (root / "a" / "x").write_text("")
        second = await running.only()

    assert first.paths == {0: {b"a", b"b", b"c"}}
    assert second.paths == {0: {b"a/x"}}


async def test_a_folder_that_is_removed_and_made_again_is_watched(root: Path) -> None:
    (root / "pkg" / "sub").mkdir(parents=True)
    async with watching(root) as running:
        shutil.rmtree(root / "pkg")
        (root / "pkg" / "sub").mkdir(parents=True)
        (root / "pkg" / "sub" / "x").write_text("")
        first = await running.only()
        (root / "pkg" / "sub" / "y").write_text("")
        second = await running.only()

    assert b"pkg" in first.paths[0]
    assert second.paths == {0: {b"pkg/sub/y"}}


async def test_a_branch_switch_is_one_batch(roomy: Path) -> None:
    root = roomy
    names = {f"pkg{number % 20}/m{number}.py" for number in range(500)}
    git(root, "init", "-q", "-b", "one")
    for branch in ("one", "two"):
        if branch == "two":
            git(root, "checkout", "-q", "-b", "two")
        for name in names:
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(f"branch = {branch!r}\n")
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", branch)

    async with watching(root) as running:
        await anyio.to_thread.run_sync(git, root, "checkout", "-q", "one")
        hints = await running.only()

    assert hints.paths[0] >= {name.encode() for name in names}


async def test_hints_are_held_while_git_rewrites_the_tree(root: Path) -> None:
    git(root, "init", "-q")
    lock = root / ".git" / "index.lock"
    async with watching(root) as running:
        lock.touch()
        (root / "x").write_text("")
        with anyio.move_on_after(0.15) as waited:
            await running.next()
        lock.unlink()
        hints = await running.only()

    assert waited.cancelled_caught
    assert hints.paths == {0: {b"x"}}


async def test_a_lock_that_was_left_behind_holds_nothing(root: Path) -> None:
    git(root, "init", "-q")
    lock = root / ".git" / "index.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    async with watching(root) as running:
        (root / "x").write_text("")

        assert (await running.only()).paths == {0: {b"x"}}


async def test_constant_writing_is_told_all_the_same(root: Path) -> None:
    async with watching(root, quiet=Quiet(cap_ms=200)) as running:
        stop = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write_until, root / "log", stop)
            first, second = await running.next(), await running.next()
            stop.set()

    assert first.paths == second.paths == {0: {b"log"}}


async def write_until(file: Path, stop: anyio.Event) -> None:
    with file.open("ab", buffering=0) as stream:
        while not stop.is_set():
            stream.write(b"x")
            await anyio.sleep(0.005)


async def test_what_is_ignored_costs_no_watch(roomy: Path) -> None:
    (roomy / "src").mkdir()
    for number in range(1000):
        folder = roomy / ("node_modules", ".venv")[number % 2] / str(number)
        folder.mkdir(parents=True)
        for inner in range(10):
            os.mknod(folder / str(inner))
    async with watching(roomy) as running:
        count = watches()
        (roomy / "node_modules" / "8" / "x").write_text("")
        (roomy / "node_modules" / "new").mkdir()

        assert await running.rest() == []
    assert count == 1 + watches_of(roomy)


async def test_a_rule_that_changes_counts_at_once(root: Path) -> None:
    git(root, "init", "-q")
    (root / "data").mkdir()
    (root / ".gitignore").write_text("data/\n")
    async with watching(root) as running:
        (root / "data" / "x").write_text("")
        while_ignored = await running.rest()
        (root / ".gitignore").write_text("")
        await running.until_everything()
        (root / "data" / "y").write_text("")
        free = await running.only()
        (root / ".syncdignore").write_text("data\n")
        await running.until_everything()
        (root / "data" / "z").write_text("")
        ignored_again = await running.rest()

    assert while_ignored == []
    assert free.paths == {0: {b"data/y"}}
    assert ignored_again == []


async def test_a_rule_above_the_root_counts_too(root: Path) -> None:
    git(root, "init", "-q")
    (root / "app").mkdir()
    async with watching(root / "app") as running:
        (root / ".gitignore").write_text("*.log\n")
        await running.until_everything()
        (root / "app" / "x.log").write_text("")
        by_file = await running.rest()
        (root / ".git" / "info" / "exclude").write_text("*.tmp\n")
        await running.until_everything()
        (root / "app" / "x.tmp").write_text("")

        assert [by_file, await running.rest()] == [[], []]


async def test_bad_rules_are_said_and_the_old_ones_stand(root: Path) -> None:
    (root / ".dockerignore").write_text("*.log\n")
    async with watching(root) as running:
        (root / ".dockerignore").write_text("[\n")
        await running.until_everything()
        (root / "x.log").write_text("")

        assert await running.rest() == []
    (said,) = running.said(Failed)
    assert isinstance(said, Failed)
    assert ".dockerignore:1" in said.message


async def test_an_environment_that_is_made_is_watched_no_more(root: Path) -> None:
    async with watching(root) as running:
        (root / "env" / "lib").mkdir(parents=True)
        await running.only()
        (root / "env" / "pyvenv.cfg").write_text("")
        await running.until_everything()
        (root / "env" / "lib" / "x").write_text("")

        assert await running.rest() == []


async def test_a_root_that_is_removed_and_comes_back_is_told_as_that(
    root: Path,
) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "x").write_text("")
    async with watching(root) as running:
        shutil.rmtree(root)
        lost = await running.next()
        await running.until_said(RootLost)
        root.mkdir()
        found = await running.next()
        (root / "y").write_text("")
        after = await running.only()

    assert lost == Hints(lost.at, {}, lost=frozenset({0}))
    assert found == Hints(found.at, {}, everything=frozenset({0}))
    assert after.paths == {0: {b"y"}}
    assert len(running.said(RootLost)) == len(running.said(RootFound)) == 1


@pytest.mark.parametrize("held", [False, True])
async def test_a_root_that_is_removed_and_made_again_at_once_is_another(
    root: Path, held: bool
) -> None:
    (root / "sub").mkdir()
    somewhere = os.open(root if held else "/", os.O_RDONLY)  # as a shell in it would
    async with watching(root) as running:
        shutil.rmtree(root)
        root.mkdir()
        lost = await running.next()
        if not lost.everything:
            await running.until_everything()
        (root / "x").write_text("")
        after = await running.only()
    os.close(somewhere)

    assert lost.lost == {0}
    assert lost.paths == {}
    assert after.paths == {0: {b"x"}}
    assert running.said(RootLost) == []


async def test_a_folder_above_the_root_that_is_renamed_loses_the_root(
    tmp_path: Path, root: Path
) -> None:
    (root / "a" / "b").mkdir(parents=True)
    async with watching(root / "a" / "b") as running:
        root.rename(tmp_path / "elsewhere")
        lost = await running.next()
        (tmp_path / "elsewhere").rename(root)
        found = await running.next()

    assert lost.lost == {0}
    assert found.everything == {0}


async def test_a_root_that_is_swapped_for_another_is_looked_at_whole(
    tmp_path: Path, root: Path
) -> None:
    (tmp_path / "next").mkdir()
    async with watching(root) as running:
        root.rename(tmp_path / "before")
        (tmp_path / "next").rename(root)
        await running.until_everything()
        (root / "x").write_text("")

        assert (await running.only()).paths == {0: {b"x"}}


async def test_a_link_as_root_that_points_elsewhere_is_looked_at_whole(
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    current = tmp_path / "current"
    current.symlink_to("one")
    async with watching(current) as running:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(current)
        await running.until_everything()
        (tmp_path / "two" / "x").write_text("")

        assert (await running.only()).paths == {0: {b"x"}}


@pytest.mark.parametrize("swapped", ["current", "stable"])
async def test_a_link_on_the_way_to_the_root_that_is_swapped_is_another_root(
    tmp_path: Path, swapped: str
) -> None:
    for name in ("one", "two"):
        (tmp_path / "all" / name / "app").mkdir(parents=True)
    (tmp_path / "current").symlink_to("all/../stable")
    (tmp_path / "stable").symlink_to(tmp_path / "all" / "one")
    async with watching(tmp_path / "current" / "app") as running:
        (tmp_path / "new").symlink_to("all/two")
        (tmp_path / "new").rename(tmp_path / swapped)
        await running.until_everything()
        (tmp_path / "all" / "two" / "app" / "x").write_text("")

        assert (await running.only()).paths == {0: {b"x"}}


async def test_links_on_the_way_to_the_root_that_lead_in_a_circle_are_a_lost_root(
    tmp_path: Path,
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").symlink_to("one")
    async with watching(tmp_path / "two") as running:
        (tmp_path / "one").rmdir()
        (tmp_path / "one").symlink_to("two")
        while not (await running.next()).lost:
            pass
        (tmp_path / "one").unlink()
        (tmp_path / "one").mkdir()

        await running.until_everything()


async def test_a_root_that_is_not_there_yet_is_waited_for(root: Path) -> None:
    ignore = Ignore.load(root / "app")
    send, receive = anyio.create_memory_object_stream[Hints](1)
    async with anyio.create_task_group() as tasks:
        with receive:
            tasks.start_soon(
                watch, [Watched(root / "app", ignore)], send, lambda _: None
            )
            with anyio.fail_after(5):
                lost = await receive.receive()
                (root / "app").mkdir()
                found = await receive.receive()
            tasks.cancel_scope.cancel()

    assert lost.lost == {0}
    assert found.everything == {0}


async def test_lost_events_are_said_and_everything_is_looked_at(root: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    (root / "sub").mkdir()
    here, there = root / "sub" / "here", root / "sub" / "there"
    here.touch()
    async with watching(root) as running:
        # Nothing reads events while this loop holds the thread.
        for _ in range(limit // 4 + 10):
            here.rename(there)
            there.rename(here)
        (root / "made" / "unseen").mkdir(parents=True)
        await running.until_everything()
        (root / "made" / "unseen" / "x").write_text("")
        after = await running.until(b"made/unseen/x")

    assert after
    (said,) = running.said(WatchOverflowed)
    assert isinstance(said, WatchOverflowed)
    assert "fs.inotify.max_queued_events" in said.hint


async def test_a_reader_that_is_slow_gets_the_rest_in_one_piece(root: Path) -> None:
    async with watching(root) as running:
        names = [f"x{number}" for number in range(30)]
        for name in names:
            (root / name).write_text("")
            await anyio.sleep(0.02)
        pieces = [await running.next()]
        while len(set().union(*(p.paths[0] for p in pieces))) < len(names):
            pieces.append(await running.next())

    assert len(pieces) <= 3


async def test_roots_that_share_folders_are_each_told(root: Path) -> None:
    (root / "app" / "static").mkdir(parents=True)
    async with watching(root, root / "app", root / "app" / "static") as running:
        (root / "app" / "static" / "x").write_text("")
        first = await running.next()
        shutil.rmtree(root / "app" / "static")
        lost = await running.next()
        (root / "app" / "y").write_text("")
        second = await running.next()

    assert first.paths == {0: {b"app/static/x"}, 1: {b"static/x"}, 2: {b"x"}}
    assert lost.lost == {2}
    assert second.paths == {0: {b"app/y"}, 1: {b"y"}}


async def test_a_watch_ends_at_once_and_leaves_nothing(root: Path) -> None:
    async with watching(root):
        pass
    with anyio.fail_after(1):
        async with watching(root):
            assert watches() == watches_of(root)

    assert watches() == 0


async def test_folders_too_deep_for_a_path_are_watched(roomy: Path) -> None:
    name = b"n" * 250
    folder = os.open(roomy, os.O_RDONLY)
    for _ in range(16):
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    async with watching(roomy) as running:
        file = os.open(b"f" * 250, os.O_WRONLY | os.O_CREAT, dir_fd=folder)
        os.close(file)
        hints = await running.only()
    os.close(folder)

    assert hints.paths == {0: {b"/".join([name] * 16 + [b"f" * 250])}}


@settings(max_examples=examples(8))
@given(st.lists(st.lists(edits, max_size=8), max_size=6))
def test_looking_where_hints_say_keeps_a_snapshot_true(
    batches: list[list[Edit]],
) -> None:
    async def follow(running: Watching, scanner: Scanner) -> None:
        for batch in batches:
            for edit in batch:
                edit.make(running.root)
            for hints in await running.rest():
                scanner.rescan(hints.paths[0])
            cookies = [p.name.encode() for p in running.root.glob("cookie-*")]
            scanner.rescan(cookies)

            assert scanner.tree == snapshot(running.root)

    async def run(root: Path) -> None:
        async with watching(root) as running:
            scanner = Scanner(root, Ignore.load(root))
            scanner.scan()
            await follow(running, scanner)

    with tempfile.TemporaryDirectory() as name:
        anyio.run(run, Path(name))


async def test_a_watch_that_is_cancelled_before_it_stands_ends_its_stream(
    root: Path,
) -> None:
    send, receive = anyio.create_memory_object_stream[Hints](1)
    with receive:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await watch([Watched(root, Ignore.load(root))], send, lambda _: None)

        with pytest.raises(anyio.EndOfStream):
            receive.receive_nowait()


@pytest.mark.parametrize("poll", [False, True])
async def test_who_asks_gets_hints_though_nothing_happened(
    root: Path, poll: bool
) -> None:
    async with watching(root, poll=poll) as running:
        number = running.ask()
        hints = await running.next()
        while hints.asked < number:
            hints = await running.next()

    assert (number, hints.asked) == (1, 1)
    assert not hints.paths
