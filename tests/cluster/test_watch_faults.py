"""Any edits through any faults converge, on every replica, and nobody sees half a file."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.edits import READER, Editor, any_seed
from tests.cluster.kube import Kube, Workload
from tests.cluster.line import Line
from tests.cluster.looking import KILL_AN_AGENT, until_equal
from tests.cluster.watching import Syncd, Watching


pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

ROOTS = {"code": "/srv", "data": "/data"}  # the image's own, and a volume's
VOLUME = {"name": "data", "emptyDir": {}}
REPLICAS = 2
PAUSE_S = 0.05  # between edits

SETTINGS = """
[[target]]
workload = "deployment/web"
namespace = "{namespace}"
sync = [{{ local = "code", remote = "/srv" }}, {{ local = "data", remote = "/data" }}]
"""


@dataclass
class Stage:
    """Two folders, two Pods of two roots each, and syncd between them."""

    kube: Kube
    web: Workload
    line: Line
    syncd: Syncd
    project: Path
    draw: random.Random
    watching: Watching

    def converge(self, replicas: int = REPLICAS) -> None:
        for local, remote in ROOTS.items():
            until_equal(
                self.web,
                self.project / local,
                remote,
                story=self.watching.story,
                replicas=replicas,
            )
        assert not self.torn()
        assert not self.watching.all("error"), self.watching.story()
        assert not self.watching.all("path.failed"), self.watching.story()

    def torn(self) -> str:
        """Return what readers in the containers saw that was not whole."""
        names = [pod["metadata"]["name"] for pod in self.web.pods()]
        logs = [self.kube("logs", name, check=False) for name in names]
        return "\n".join(
            line for log in logs for line in log.splitlines() if "TORN" in line
        )

    def pod(self) -> str:
        """Return one of the Pods, any."""
        return str(self.draw.choice(self.web.pods())["metadata"]["name"])

    def exec(self, *argv: str) -> str:
        return self.kube("exec", self.pod(), "-c", "app", "--", *argv, check=False)

    # --- faults ---------------------------------------------------------------

    def the_agent_is_killed(self) -> None:
        assert "killed" in self.exec("python3", "-c", KILL_AN_AGENT)

    def a_container_ends(self) -> None:
        self.exec("kill", "1")

    def a_pod_is_deleted(self) -> None:
        self.kube("delete", "pod", self.pod(), "--wait=false")

    def a_pod_is_deleted_by_force(self) -> None:
        self.kube("delete", "pod", self.pod(), "--force", "--grace-period=0")

    def the_line_is_cut(self) -> None:
        self.line.cut()

    def the_api_server_goes_away_for_a_while(self) -> None:
        with self.line.down():
            self.watching.until("session.lost")

    def a_rollout(self) -> None:
        self.kube("rollout", "restart", self.web.target)
        self.kube("rollout", "status", self.web.target, "--timeout=60s")

    def more_replicas_and_fewer_again(self) -> None:
        self.kube("scale", self.web.target, "--replicas=5")
        self.converge(replicas=5)
        self.kube("scale", self.web.target, f"--replicas={REPLICAS}")

    def syncd_is_killed(self) -> None:
        self.watching.kill()
        self.watching.close()
        self.watching = self.syncd.start(cwd=self.project)


FAULTS = (
    Stage.the_agent_is_killed,
    Stage.a_container_ends,
    Stage.a_pod_is_deleted,
    Stage.a_pod_is_deleted_by_force,
    Stage.the_line_is_cut,
    Stage.the_api_server_goes_away_for_a_while,
    Stage.a_rollout,
    Stage.syncd_is_killed,
)
QUICK = (Stage.the_agent_is_killed, Stage.the_line_is_cut, Stage.syncd_is_killed)


@pytest.fixture(scope="module")
def line(kube: Kube) -> Iterator[Line]:
    with Line.to_the_api_server(kube) as line:
        yield line


@pytest.fixture(scope="module")
def stage(
    kube: Kube,
    workload: Callable[..., Workload],
    line: Line,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    web = workload(
        "web",
        replicas=REPLICAS,
        command=("python3", "-c", READER, *ROOTS.values()),
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        spec={"volumes": [VOLUME]},
    )
    project = tmp_path_factory.mktemp("project")
    for name in ROOTS:
        (project / name).mkdir()
    (project / "syncd.toml").write_text(SETTINGS.format(namespace=kube.namespace))
    server = f"https://{line.address}"
    syncd = Syncd(project / "home", kube.kubeconfig(project / "config", server=server))
    draw = random.Random(any_seed())
    watching = syncd.start(cwd=project)
    stage = Stage(kube, web, line, syncd, project, draw, watching)
    try:
        watching.until("syncd.in_step")
        yield stage
        stage.watching.interrupt()
        assert not stage.watching.verdict()
    finally:
        stage.watching.close()


@contextmanager
def editing(stage: Stage) -> Iterator[None]:
    """Edit both folders all the while, and once more after it."""
    seed, enough = stage.draw.random(), threading.Event()

    def edit() -> None:
        draw = random.Random(seed)
        editors = [Editor(stage.project / name, draw.random()) for name in ROOTS]
        while not enough.wait(PAUSE_S):
            draw.choice(editors).edit(draw.choice((1, 1, 2, 10)))
        for editor in editors:
            editor.edit(20)

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(edit)
        try:
            yield
        finally:
            enough.set()
        future.result()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_any_edits_converge_through(
    stage: Stage, fault: Callable[[Stage], None]
) -> None:
    with editing(stage):
        fault(stage)

    stage.converge()


def test_any_edits_converge_while_replicas_come_and_go(stage: Stage) -> None:
    with editing(stage):
        pass
    stage.more_replicas_and_fewer_again()
    with editing(stage):
        pass

    stage.converge()


def test_any_edits_converge_through_one_fault_after_the_other(stage: Stage) -> None:
    with editing(stage):
        for _ in range(6):
            stage.draw.choice(QUICK)(stage)

    stage.converge()
