"""Rebuilds that fail, end to end on the embedded cluster: told, and nothing is lost."""

from pathlib import Path

import pytest

from syncd import events
from syncd.loopback.image_registry import Refusal
from tests.endtoend.rebuilding import DOCKERFILE, Lay


@pytest.mark.parametrize(
    ("files", "refusal", "stage", "reason", "hint"),
    [
        pytest.param(
            {"Dockerfile": f"{DOCKERFILE}RUN echo no such thing; exit 7\n"},
            None,
            "build",
            "docker ended with 1 at step 4 of 4: RUN echo no such thing; exit 7",
            "mend it and save",
            id="a step that fails",
        ),
        pytest.param(
            {"requirements.txt": "cheese==1.0\n"},
            Refusal(507, "no space left on device"),
            "deliver",
            "no space left on device",
            "is the registry's disk full?",
            id="a registry that is full",
        ),
    ],
)
async def test_a_failure_leaves_everything_as_it_was_and_the_next_edit_tries_again(
    lay: Lay,
    files: dict[str, str],
    refusal: Refusal | None,
    stage: str,
    reason: str,
    hint: str,
) -> None:
    async with lay() as made, made.watch():
        made.registry.refusal = refusal
        for name, text in files.items():
            made.write(name, text)
        failed = await made.until(events.RebuildFailed, stage=stage)
        made.write("app/version", "1")
        await made.until(events.BatchDone)

        assert reason in failed.reason
        assert hint in failed.hint
        assert failed.detail
        assert Path(failed.log).read_text()
        assert made.image() == "web:1"
        assert (made.container() / "version").read_text() == "1"

        made.registry.refusal = None
        made.write("Dockerfile", DOCKERFILE)
        made.write("requirements.txt", "ham\n")
        await made.until(events.RebuildDone)

        assert (made.container() / "installed").read_text() == "ham\n"


# Without the file, no probe finds it ready between two crashes.
CRASH = 'RUN rm ready\nCMD ["python3", "-c", "print(\'last words\'); raise SystemExit(3)"]\n'


@pytest.mark.parametrize(
    ("instruction", "rebuild", "reason", "detail"),
    [
        pytest.param(
            CRASH, "rollback = true", "exit code 3", ("last words",), id="it crashes"
        ),
        pytest.param(
            "RUN rm ready\n",
            "timeout_s = 3",
            "is not ready after 3 s: Readiness probe",
            ("here",),
            id="it never becomes ready",
        ),
        pytest.param(
            'CMD ["/no/such/program"]\n',
            "rollback = true",
            "cannot be started",
            (),
            id="no program",
        ),
    ],
)
async def test_an_image_that_does_not_come_up_is_explained(
    lay: Lay, instruction: str, rebuild: str, reason: str, detail: tuple[str, ...]
) -> None:
    async with lay(rebuild=rebuild) as made, made.watch():
        (old,) = (pod["metadata"]["uid"] for pod in made.pods())
        made.write("Dockerfile", f"{DOCKERFILE}{instruction}")
        rolling = await made.until(events.RebuildRolling)
        failed = await made.until(events.RebuildFailed, stage="roll out")
        made.write("app/version", "1")
        await made.until(events.BatchDone)

        assert reason in failed.reason
        assert failed.detail == detail
        assert (made.cluster.node.files(old, "app") / "version").read_text() == "1"
        if "rollback" in rebuild:
            assert made.heard(events.RebuildRolledBack)[0].image == rolling.image
            assert made.image() == "web:1"
        else:
            assert made.image() == rolling.image
            made.write("Dockerfile", DOCKERFILE)
            await made.until(events.RebuildDone, image="web:1")


async def test_an_image_that_is_gone_from_the_registry_is_told_with_its_reference(
    lay: Lay,
) -> None:
    async with lay() as made, made.watch():

        def lose(event: events.Event) -> None:
            if isinstance(event, events.RebuildDelivered):
                del made.cluster.images[event.image]

        made.listeners.append(lose)
        made.write("requirements.txt", "cheese==1.0\n")
        failed = await made.until(events.RebuildFailed, stage="roll out")

        assert f"cannot pull {failed.image}: " in failed.reason
        assert "not found" in failed.reason
        assert "name the same registry" in failed.hint
        assert len(made.pods()) == 2


async def test_an_account_without_patch_is_told_which_rule_it_lacks(lay: Lay) -> None:
    async with lay() as made:
        kubeconfig = await made.account("pods", "pods/exec", "deployments")
        async with made.watch(kubeconfig):
            made.write("requirements.txt", "cheese==1.0\n")
            failed = await made.until(events.RebuildFailed)

        assert failed.stage == "roll out"
        assert "may not patch deployments" in failed.reason
        assert '"patch"' in failed.hint
        assert made.image() == "web:1"


async def test_an_api_server_that_goes_in_the_middle_is_waited_for(lay: Lay) -> None:
    async with lay() as made, made.watch():
        made.write("requirements.txt", "cheese==1.0\n")
        await made.until(events.RebuildStarted)
        await made.cluster.faults.kill_server()
        await made.until(events.ApiLost)
        await made.until(events.RebuildDelivered)
        await made.cluster.faults.revive_server()
        await made.until(events.RebuildDone)

        assert (made.container() / "installed").read_text() == "cheese==1.0\n"
