"""Lines that fall silent: held up and delivered late, or lost without a word."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.edits import READER, Editor, any_seed, save, whole
from tests.cluster.kube import BUSYBOX, Kube, Workload
from tests.cluster.line import Line
from tests.cluster.looking import running_agents, until_equal
from tests.cluster.watching import Syncd, Watching


pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

NOTICED_S = 45.0  # 20 s of silence, on a machine that does other things too


@dataclass
class Way:
    """A folder, a line, and syncd that brings the one over the other."""

    editor: Editor
    remote: str
    line: Line
    watching: Watching

    def until_equal(self, web: Workload) -> None:
        root = self.editor.root
        until_equal(web, root, self.remote, story=self.watching.story)

    def until_alone(self, web: Workload, agents: int = 1) -> None:
        """Wait until nobody is left who could read what an old stream brings late."""
        deadline = time.monotonic() + NOTICED_S
        while running_agents(web) > agents:
            assert time.monotonic() < deadline, f"agents: {running_agents(web)}"


@pytest.fixture(scope="module")
def web(workload: Callable[..., Workload]) -> Workload:
    return workload("web", command=("python3", "-c", READER, "/srv", "/opt", "/mnt"))


@pytest.fixture(scope="module")
def box(workload: Callable[..., Workload]) -> Workload:
    return workload("box", image=BUSYBOX)


@pytest.fixture
def way(kube: Kube, web: Workload, tmp_path: Path) -> Iterator[Callable[..., Way]]:
    """Opens ways to folders of a container."""
    with ExitStack() as stack:

        def make(remote: str, web: Workload = web) -> Way:
            home = tmp_path / remote.strip("/")
            local = home / "local"
            local.mkdir(parents=True)
            line = stack.enter_context(Line.to_the_api_server(kube))
            server = f"https://{line.address}"
            syncd = Syncd(home, kube.kubeconfig(home / "config", server=server))
            pair = str(local), f"{web.target}:{remote}"
            watching = stack.enter_context(syncd.watch(*pair, "-n", kube.namespace))
            watching.until("syncd.in_step")
            return Way(Editor(local, any_seed()), remote, line, watching)

        yield make


def test_what_a_dead_stream_still_delivers_does_no_harm(
    web: Workload, way: Callable[[str], Way]
) -> None:
    one = way("/mnt")
    file = one.editor.root / "main.py"
    save(file, whole(b"old"))
    one.watching.until("batch.done")

    with one.line.stalled():
        save(file, whole(b"held up"))
        one.watching.until("batch.sent")
        one.line.forsake()
        one.watching.until("session.reconciled")
        save(file, whole(b"new"))
        one.until_equal(web)
    one.until_alone(web)

    one.until_equal(web)


def test_what_a_dead_exec_still_delivers_to_a_shell_does_no_harm(
    box: Workload, way: Callable[..., Way]
) -> None:
    one = way("/home", box)
    file = one.editor.root / "main.py"
    save(file, whole(b"old"))
    one.watching.until("batch.done")

    save(file, whole(b"held up" * 100_000))
    one.line.carried(100_000)
    with one.line.stalled():
        one.line.forsake()
        one.watching.until("session.reconciled")
        save(file, whole(b"new"))
        one.until_equal(box)

    one.until_equal(box)
    assert ".syncd-sh" not in box.sh("cat /proc/[0-9]*/cmdline; ls -A /home /tmp")


def test_silence_is_noticed_and_what_comes_late_does_no_harm(
    web: Workload, way: Callable[[str], Way]
) -> None:
    held, lost = way("/srv"), way("/opt")
    for each in (held, lost):
        each.editor.edit(40)
        each.until_equal(web)
        each.watching.skip()

    lost.line.half_open()
    with held.line.stalled():
        for each in (held, lost):
            each.editor.edit(20)
        for each in (held, lost):
            each.watching.until("session.lost", timeout_s=NOTICED_S)
            each.watching.until("session.reconciled")
            each.editor.edit(20)
            each.until_equal(web)
    held.until_alone(web, agents=2)

    for each in (held, lost):
        each.until_equal(web)
        assert not each.watching.all("error")
    assert "TORN" not in web.kube("logs", "-l", "app=web", "--tail=-1")
