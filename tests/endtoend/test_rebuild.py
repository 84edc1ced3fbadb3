"""Rebuilds end to end, on the embedded cluster: every step is a process or a request."""

import sys
from pathlib import Path

from syncd import events
from syncd.loopback.image_registry import INSIDE
from tests.endtoend.rebuilding import DOCKERFILE, Lay


async def test_a_dependency_comes_with_a_new_pod_and_goes_without_a_build(
    lay: Lay,
) -> None:
    async with lay() as made, made.watch():
        made.write("app/version", "1")
        await made.until(events.BatchDone)
        made.write("requirements.txt", "cheese==1.0\n")
        needed = await made.until(events.RebuildDecided, needed=True)
        done = await made.until(events.RebuildDone)

        assert needed.reason == "requirements.txt: + cheese==1.0"
        assert done.image == made.image()
        assert done.image.startswith(f"{INSIDE}/web:syncd-")
        assert (made.container() / "installed").read_text() == "cheese==1.0\n"
        assert (made.container() / "version").read_text() == "1"

        made.write("requirements.txt", "")
        await made.until(events.RebuildFound, image="web:1")
        await made.until(events.RebuildDone, image="web:1")

        assert (made.container() / "installed").read_text() == ""
        assert (made.container() / "version").read_text() == "1"
        assert len(made.heard(events.RebuildStarted)) == 1

        made.write("requirements.txt", "cheese==1.0\n")
        found = await made.until(events.RebuildFound)
        await made.until(events.RebuildDone)

        assert found.where == "the registry"
        assert made.image() == done.image


async def test_a_comment_does_nothing(lay: Lay) -> None:
    async with lay() as made, made.watch():
        made.write("requirements.txt", "# nothing new\n")
        decided = await made.until(events.RebuildDecided, inputs=("requirements.txt",))

        assert not decided.needed
        assert decided.reason.startswith("only comments, blank lines, order")
        assert made.image() == "web:1"


async def test_what_was_edited_while_nobody_watched_is_made_up_for(lay: Lay) -> None:
    async with lay() as made:
        async with made.watch():
            pass
        made.write("requirements.txt", "cheese==1.0\n")
        async with made.watch():
            await made.until(events.RebuildDone)

        assert (made.container() / "installed").read_text() == "cheese==1.0\n"


async def test_a_new_file_that_becomes_an_input_is_followed_from_then_on(
    lay: Lay,
) -> None:
    async with lay() as made, made.watch():
        made.write("deps/more.txt", "ham\n")
        made.write("requirements.txt", "-r deps/more.txt\n")
        await made.until(events.RebuildDone)
        made.write("deps/more.txt", "ham # a comment\n")
        await made.until(events.RebuildDecided, inputs=("deps/more.txt",), needed=False)
        made.write("deps/more.txt", "ham\neggs\n")
        needed = await made.until(events.RebuildDecided, needed=True)
        await made.until(events.RebuildDone)

        assert needed.reason == "deps/more.txt: + eggs"


async def test_a_newer_edit_cancels_a_build(lay: Lay) -> None:
    async with lay() as made, made.watch():
        made.write("Dockerfile", f"{DOCKERFILE}RUN sleep 30\n")
        await made.until(events.RebuildProgress, step=4)
        made.write("Dockerfile", f"{DOCKERFILE}RUN true\n")
        cancelled = await made.until(events.RebuildCancelled)
        done = await made.until(events.RebuildDone)

        assert cancelled.stage == "build"
        assert done.total_ms < 25_000
        assert made.image() == done.image


async def test_a_newer_edit_in_the_middle_of_a_rollout_goes_back_at_once(
    lay: Lay,
) -> None:
    async with lay(rebuild="") as made, made.watch():
        made.write("Dockerfile", f"{DOCKERFILE}RUN rm ready\n")
        await made.until(events.RebuildPods, running=1)
        made.write("Dockerfile", DOCKERFILE)
        cancelled = await made.until(events.RebuildCancelled)
        await made.until(events.RebuildDone, image="web:1")

        assert cancelled.stage == "roll out"
        assert not made.heard(events.RebuildFailed)


async def test_an_input_written_while_it_is_built_is_built_again(lay: Lay) -> None:
    async with lay() as made, made.watch():
        made.write("Dockerfile", f"{DOCKERFILE}RUN sleep 1\n")
        await made.until(events.RebuildProgress, step=4)
        made.write("requirements.txt", "# nothing that counts\n")
        await made.until(events.RebuildDone)

        assert len(made.heard(events.RebuildStarted)) == 2
        assert len(made.heard(events.RebuildBuilt)) == 1
        assert not made.heard(events.RebuildCancelled)


async def test_a_run_rule_takes_the_place_of_the_rebuild(lay: Lay) -> None:
    rules = """
        [[target.rule]]
        paths = ["requirements.txt"]
        action = "run"
        run = ["cp", "requirements.txt", "installed"]
    """
    rebuild = 'context = "app"\ndockerfile = "../Dockerfile"\n'
    async with lay(rules=rules, rebuild=rebuild) as made:
        made.write("app/requirements.txt", "")
        async with made.watch():
            made.write("app/requirements.txt", "cheese==1.0\n")
            drifted = await made.until_both(events.RebuildDrifted, events.HookRan)

            assert drifted.reason.endswith("requirements.txt: + cheese==1.0")
            assert made.image() == "web:1"
            assert (made.container() / "installed").read_text() == "cheese==1.0\n"

            made.write("app/requirements.txt", "")
            await made.until(events.RebuildDecided, needed=False)


async def test_a_statefulset_is_rebuilt_as_well(lay: Lay) -> None:
    async with lay(kind="StatefulSet") as made, made.watch():
        made.write("requirements.txt", "cheese==1.0\n")
        done = await made.until(events.RebuildDone)

        assert done.pods == ("web-0",)
        assert made.image("statefulset/web") == done.image
        assert (made.container() / "installed").read_text() == "cheese==1.0\n"


async def test_a_command_of_one_s_own_builds_and_pushes(lay: Lay) -> None:
    words = [sys.executable, "-m", "syncd.loopback.builder", "build", "--push"]
    words += ["-f", "{dockerfile}", "-t", "{tag}", "{context}"]
    quoted = ", ".join(f'"{word}"' for word in words)
    async with lay(rebuild=f"builder = [{quoted}]") as made, made.watch():
        made.write("requirements.txt", "cheese==1.0\n")
        started = await made.until(events.RebuildStarted)
        await made.until(events.RebuildDone)

        assert started.builder == Path(sys.executable).name
        assert (made.container() / "installed").read_text() == "cheese==1.0\n"


async def test_latest_with_always_is_warned_about(lay: Lay) -> None:
    latest = {"image": "web:latest", "imagePullPolicy": "Always"}
    async with lay(**latest) as made, made.watch():
        warned = await made.until(events.RebuildWarned)

        assert "web:latest with imagePullPolicy: Always" in warned.reason
        assert "a tag that stays" in warned.hint
