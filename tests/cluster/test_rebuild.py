"""Rebuilds on a real cluster, by a real builder, through a real registry."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.kube import Kube, Workload
from tests.cluster.line import Line
from tests.cluster.project import (
    DOCKERFILE,
    PUSH,
    REGISTRY,
    Lay,
    Project,
    edit,
    image_of,
    served,
    served_by,
    slow,
)
from tests.cluster.watching import Event, Syncd


pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


def at_the_pause(event: Event) -> bool:
    """Tell whether the builder has come to where `slow` waits."""
    return "sleep 4" in event["said"]


def says(workload: Workload, version: str, *installed: str) -> bool:
    return bool(served(workload) == {"version": version, "installed": [*installed]})


def test_a_comment_costs_nothing(project: Project, lay: Lay, home: Path) -> None:
    workload = lay()
    before = workload.kube.get(workload.target)["metadata"]["generation"]
    with project.watch(home) as watching:
        project.require(comment="nothing new")
        event = watching.until("rebuild.decided", inputs=["requirements.txt"])
        edit(project, watching, "1")

    assert event["needed"] is False
    assert event["reason"] == "only comments, blank lines, order or spelling changed"
    assert workload.kube.get(workload.target)["metadata"]["generation"] == before
    assert says(workload, "1")


def test_a_dependency_is_served_by_a_new_pod(
    project: Project, lay: Lay, home: Path, tmp_path: Path
) -> None:
    workload = lay()
    first = image_of(workload)
    with project.watch(home) as watching:
        edit(project, watching, "1")
        project.require("cheese==1.0")
        decided = watching.until("rebuild.decided", needed=True)
        watching.until("rebuild.built")
        watching.until("rebuild.delivered", way=f"pushed to {PUSH}")
        done = watching.until("rebuild.done")

        assert decided["reason"] == "requirements.txt: + cheese==1.0"
        assert done["image"].startswith(f"{REGISTRY}/{project.name}:syncd-")
        assert image_of(workload) == done["image"]
        assert says(workload, "1", "cheese")
        edit(project, watching, "2")
        assert says(workload, "2", "cheese")

    found = workload.kube.get(workload.target)["metadata"]
    inputs = found["annotations"]["app.syncd/inputs"]
    assert done["image"].endswith(inputs[:12])
    assert found["labels"]["app.syncd/inputs"] == inputs[:12]

    # On another machine only the workload knows what it runs, and what it ran before.
    project.require("cheese==1.0", comment="edited while nobody watched")
    with project.watch(tmp_path / "another") as watching:
        edit(project, watching, "3")
        assert not watching.all("rebuild.decided")

        project.require()
        watching.until("rebuild.found", image=first)
        back = watching.until("rebuild.done", image=first)

        assert back["built_ms"] == 0
        assert says(workload, "3")
        assert not watching.all("rebuild.started")


def test_edits_during_a_rebuild_reach_the_old_pod_at_once_and_the_new_one_too(
    project: Project, lay: Lay, home: Path
) -> None:
    workload = lay()
    (old,) = (pod["metadata"]["name"] for pod in workload.pods())
    with project.watch(home) as watching:
        project.write("Dockerfile", slow())
        watching.until("rebuild.started")
        for number in range(50):
            project.write(f"app/file-{number}.txt", str(number))
            edit(project, watching, str(number))
            if number == 25:
                assert served_by(workload.kube, old)["version"] == "25"
        assert not watching.all("rebuild.built")
        done = watching.until("rebuild.done")

    (pod,) = done["pods"]
    held = workload.sh("cat /app/version.txt /app/file-*.txt | tr -d '\\n'")
    assert pod != old
    assert len(watching.all("session.refused")) == 0
    assert held == "49" + "".join(sorted(map(str, range(50))))
    reconciled = watching.all("session.reconciled", pod=pod)
    assert reconciled[0]["failed"] == 0


def test_a_newer_edit_cancels_the_build_and_starts_the_right_one(
    project: Project, lay: Lay, home: Path
) -> None:
    workload = lay()
    with project.watch(home) as watching:
        project.write("Dockerfile", slow())
        watching.until("rebuild.progress", where=at_the_pause)
        project.require("ham==1.0")
        watching.until("rebuild.cancelled", stage="build")
        project.write("Dockerfile", DOCKERFILE)
        watching.until("rebuild.done")

        assert len(watching.all("rebuild.done")) == 1
        assert says(workload, "0", "ham")


@dataclass(frozen=True)
class Failure:
    """What is written into the requirements, and what is said of it."""

    requirement: str
    settings: Mapping[str, object]
    stage: str
    said: tuple[str, ...]
    hint: str
    detail: str


FAILURES = [
    pytest.param(
        Failure(
            "no-such-thing==1.0",
            {},
            "build",
            ("docker ended with 1 at step 5 of", "RUN pip install"),
            "no index has no-such-thing==1.0",
            "No matching distribution found",
        ),
        id="a requirement that nobody has",
    ),
    pytest.param(
        Failure(
            "cheese==1.0",
            {"registry": "localhost:1"},
            "deliver",
            ("localhost:1/", "was not pushed", "connection refused"),
            "is the registry running?",
            "refused",
        ),
        id="a registry that is not there",
    ),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_before_the_rollout_leaves_everything_as_it_was(
    project: Project, lay: Lay, home: Path, failure: Failure
) -> None:
    workload = lay(**failure.settings)
    before = workload.kube.get(workload.target)["metadata"]["generation"]
    with project.watch(home) as watching:
        project.require(failure.requirement)
        failed = watching.until("rebuild.failed", stage=failure.stage)
        edit(project, watching, "1")

    assert all(part in failed["reason"] for part in failure.said), failed["reason"]
    assert failure.hint in failed["hint"]
    assert failure.detail in "\n".join(failed["detail"])
    assert failure.detail in Path(failed["log"]).read_text()
    assert workload.kube.get(workload.target)["metadata"]["generation"] == before
    assert says(workload, "1")


@dataclass(frozen=True)
class Broken:
    """What an image says that does not come up, and what is said of it."""

    instruction: str
    said: tuple[str, ...]
    detail: tuple[str, ...] = ()
    timeout_s: int = 30


CRASH = 'CMD ["python3", "-c", "print(\'last words\'); raise SystemExit(3)"]'
HUNGER = 'CMD ["python3", "-c", "x = b\'x\' * (1 << 29)"]'
BROKEN = [
    pytest.param(
        Broken(CRASH, ("crashed", "exit code 3"), ("last words",)),
        id="an image that crashes",
    ),
    pytest.param(
        Broken(HUNGER, ("was OOM-killed: it reached its memory limit of 64Mi",)),
        id="an image that needs too much memory",
    ),
    pytest.param(
        Broken(
            "ENV READY=no",
            ("is not ready after 6 s", "Readiness probe failed", "statuscode: 503"),
            timeout_s=6,
        ),
        id="an image that never becomes ready",
    ),
    pytest.param(
        Broken(
            'CMD ["no-such-program"]',
            ("cannot be started", "executable file not found"),
        ),
        id="an image whose program is not there",
    ),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_an_image_that_does_not_come_up_is_explained_and_the_old_pod_stays_in_step(
    project: Project, lay: Lay, home: Path, broken: Broken
) -> None:
    resources = {"limits": {"memory": "64Mi"}}
    workload = lay(
        container={"resources": resources},
        timeout_s=broken.timeout_s,
        rollback=True,
    )
    first = image_of(workload)
    (old,) = (pod["metadata"]["name"] for pod in workload.pods())
    with project.watch(home) as watching:
        project.write("Dockerfile", f"{DOCKERFILE}\n{broken.instruction}\n")
        watching.until("rebuild.rolling")
        failed = watching.until("rebuild.failed", stage="roll out")
        watching.until("rebuild.rolled_back", before=first)
        edit(project, watching, "1")

    assert all(part in failed["reason"] for part in broken.said), failed["reason"]
    assert tuple(failed["detail"]) == broken.detail
    assert len(watching.all("rebuild.failed")) == 1
    assert image_of(workload) == first
    assert served_by(workload.kube, old) == {"version": "1", "installed": []}


def test_syncd_killed_in_the_middle_starts_again_on_another_machine(
    project: Project, lay: Lay, home: Path, tmp_path: Path
) -> None:
    workload = lay()
    with closing(Syncd(home).start(cwd=project.folder)) as watching:
        watching.until("syncd.in_step")
        project.require("cheese==1.0")
        watching.until("rebuild.done")
        project.write("Dockerfile", slow())
        watching.until("rebuild.progress", where=at_the_pause)
        watching.kill()
    before = image_of(workload)

    with project.watch(tmp_path / "another") as watching:
        watching.until("rebuild.done")

    (decided,) = watching.all("rebuild.decided")
    assert decided["reason"] == f"{before} was built from other inputs"
    assert says(workload, "0", "cheese")


def test_an_api_server_that_goes_in_the_middle_is_waited_for(
    project: Project, lay: Lay, home: Path, tmp_path: Path, kube: Kube
) -> None:
    workload = lay()
    with Line.to_the_api_server(kube) as line:
        config = kube.kubeconfig(tmp_path / "config", server=f"https://{line.address}")
        with project.watch(home, config) as watching:
            project.require("cheese==1.0")
            watching.until("rebuild.started")
            with line.down():
                watching.until("rebuild.delivered")
            watching.until("rebuild.done")

            assert watching.all("api.lost")

    assert says(workload, "0", "cheese")
