"""The reloader put before the program of an untouched image, and taken back."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from syncd.daemon.restoring import restore
from syncd.events import (
    Event,
    InStep,
    ReloaderInjected,
    ReloaderRefused,
    ReloaderRestored,
)
from tests.endtoend.scene import NAMESPACE, Scene, scene
from tests.endtoend.test_reloader import until_driven
from tests.reloader.running import plain


PROGRAM = ("python3", "/app/main.py")
CHANGING = ("generation", "resourceVersion", "managedFields", "annotations")
REVISION = "deployment.kubernetes.io/revision"


@asynccontextmanager
async def program(
    base: Path,
    *,
    until: type[Event] = ReloaderInjected,
    settings: Mapping[str, Any] = MappingProxyType({}),
    **spec: Any,
) -> AsyncIterator[tuple[Scene, Mapping[str, Any]]]:
    """Run a server from an untouched image; also the Deployment before syncd came."""
    files = {"main.py": plain("ANSWER = 1").encode()}
    async with scene(
        base,
        image_files=files,
        command=PROGRAM,
        container=spec,
        reloader={"inject": True, **settings},
        until=until,
    ) as stage:
        yield stage, stage.before


def facts(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a person could have set, and who manages it."""
    metadata = dict(deployment["metadata"])
    annotations = {**metadata.get("annotations", {})}
    annotations.pop(REVISION, None)
    owners = [
        (each["manager"], each["operation"], each["fieldsV1"])
        for each in metadata["managedFields"]
        if each.get("subresource") != "status" and each["manager"] != CONTROLLER
    ]
    rest = {key: value for key, value in metadata.items() if key not in CHANGING}
    return {**rest, "owners": owners, "all": annotations, "spec": deployment["spec"]}


CONTROLLER = "kube-controller-manager"


async def test_an_untouched_image_serves_edits_from_the_reloader_until_it_is_restored(
    tmp_path: Path,
) -> None:
    async with program(tmp_path, command=list(PROGRAM)) as (stage, before):
        await stage.until(lambda: stage.heard(InStep))
        await until_driven(stage)
        assert stage.cluster.all("configmaps", namespace=NAMESPACE)[-1]["metadata"][
            "name"
        ].startswith("syncd-reloader-")

        await stage.stop()
        await restore(stage.settings, stage.hear)
        after = stage.cluster.get("deployment/web", namespace=NAMESPACE)
        maps = stage.cluster.all("configmaps", namespace=NAMESPACE)

    assert after is not None
    assert stage.heard(ReloaderRestored)
    assert facts(after) == facts(before)
    assert not [m for m in maps if m["metadata"]["name"].startswith("syncd-")]


async def test_a_program_that_the_settings_name_runs_as_they_say_until_it_is_restored(
    tmp_path: Path,
) -> None:
    shell: Any = {"command": ["sh", "-c"], "args": ["exec python3 /app/main.py"]}
    says = {"command": PROGRAM, "warm": ["csv"], "cold": ["uuid"], "drain_s": 5}
    async with program(tmp_path, settings=says, **shell) as (stage, before):
        await until_driven(stage)
        now = stage.cluster.get("deployment/web", namespace=NAMESPACE) or {}
        (container,) = now["spec"]["template"]["spec"]["containers"]

        await stage.stop()
        await restore(stage.settings, stage.hear)
        after = stage.cluster.get("deployment/web", namespace=NAMESPACE)

    options = "--stay --root /app --warm csv --cold uuid --drain-s 5 --"
    assert container["command"][2:] == options.split()
    assert container["args"] == list(PROGRAM)
    assert after is not None
    assert facts(after) == facts(before)


async def test_injecting_twice_changes_nothing_more(tmp_path: Path) -> None:
    async with program(tmp_path, command=list(PROGRAM)) as (stage, _):
        await stage.stop()
        once = stage.cluster.get("deployment/web", namespace=NAMESPACE)
        stage.events.clear()
        await stage.start()
        await stage.until(lambda: stage.heard(InStep))
        await stage.stop()
        twice = stage.cluster.get("deployment/web", namespace=NAMESPACE)

    assert once is not None
    assert twice is not None
    assert once["metadata"]["generation"] == twice["metadata"]["generation"]
    assert not stage.heard(ReloaderInjected)


@pytest.mark.parametrize("command", [None, ["sh", "-c", "exec python3 /app/main.py"]])
async def test_a_command_that_cannot_be_run_under_it_is_told_with_what_to_set(
    tmp_path: Path, command: list[str] | None
) -> None:
    spec: Any = {"command": command} if command else {}
    async with program(tmp_path, until=ReloaderRefused, **spec) as (stage, before):
        (refused,) = stage.heard(ReloaderRefused)
        after = stage.cluster.get("deployment/web", namespace=NAMESPACE)

    assert after is not None
    assert facts(after) == facts(before)
    assert "command = [" in refused.hint


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param(
            ["env", *PROGRAM], "env is not a Python program", id="not taken over"
        ),
        pytest.param(
            [*PROGRAM[:1], "-m", "http.server", "no-port"],
            ": it fails at ",
            id="fails",
        ),
    ],
)
async def test_what_does_not_run_under_the_reloader_is_taken_back(
    tmp_path: Path, command: list[str], reason: str
) -> None:
    says = {"command": command}
    async with program(
        tmp_path, until=ReloaderRefused, settings=says, command=list(PROGRAM)
    ) as (stage, before):
        (refused,) = stage.heard(ReloaderRefused)
        after = stage.cluster.get("deployment/web", namespace=NAMESPACE)

    assert after is not None
    assert facts(after) == facts(before)
    assert reason in refused.reason
    assert "command = [" in refused.hint
    assert not stage.heard(ReloaderInjected)


async def test_restoring_what_was_never_changed_changes_nothing(tmp_path: Path) -> None:
    async with program(tmp_path, until=ReloaderRefused) as (stage, before):
        await restore(stage.settings, stage.hear)
        after = stage.cluster.get("deployment/web", namespace=NAMESPACE)

    assert after is not None
    assert facts(after) == facts(before)
    assert not stage.heard(ReloaderRestored)


async def test_where_the_new_pods_do_not_come_up_all_is_taken_back(
    tmp_path: Path,
) -> None:
    async with scene(
        tmp_path,
        tools="sh",  # and no Python, which the reloader needs
        command=("sleep", "1000"),
        container={"command": ["sleep", "1000"]},
        reloader={"inject": True},
        until=ReloaderRefused,
    ) as stage:
        (refused,) = stage.heard(ReloaderRefused)
        after = stage.cluster.get("deployment/web", namespace=NAMESPACE)
        maps = stage.cluster.all("configmaps", namespace=NAMESPACE)

    assert after is not None
    assert facts(after) == facts(stage.before)
    assert "python3" in refused.reason
    assert not [m for m in maps if m["metadata"]["name"].startswith("syncd-")]
