"""A whole measurement: the embedded cluster, the daemon, and others beside it."""

import os
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.bench import watching
from syncd.bench.bench import CutShort, run
from syncd.bench.plan import Plan
from syncd.bench.samples import STEPS, Result, Sample
from syncd.config import Flags, Settings, from_arguments
from syncd.errors import ConfigError, TargetError
from syncd.loopback.cluster import Loopback
from syncd.loopback.dialect import QUICK
from syncd.loopback.image import Image


PORT = 8080
# Answers with the file that is edited: it is served as soon as it is there.
SERVER = """
import http.server, os, sys
class Page(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        body = open("main.py", "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Page).serve_forever()
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """What there is to measure on."""

    cluster: Loopback
    settings: Settings
    url: str

    @property
    def folder(self) -> Path:
        """The folder that is synced."""
        return self.settings.targets[0].sync[0].local

    def there(self) -> Path:
        """Return the folder in the container."""
        (pod,) = self.cluster.all("pods")
        return self.cluster.node.files(pod["metadata"]["uid"], "app")


@asynccontextmanager
async def ground(base: Path) -> AsyncIterator[Ground]:
    image, folder = base / "image", base / "folder"
    for place in (image, folder):
        place.mkdir()
        (place / "main.py").write_text("SAYS = 'hello from myapp'\n")
    (folder / "kept.log").write_text("not synced")
    (folder / ".gitignore").write_text("*.log\n")
    command = ("python3", "-c", SERVER, "$(POD_IP)", str(PORT))
    web = Image("web:1", files=image)
    async with Loopback(base / "cluster", [web], pace=QUICK) as cluster:
        await cluster.apply(pod_manifest(command))
        pod = await cluster.ready("pod/web")
        flags = Flags(kubeconfig=str(cluster.kubeconfig), namespace="default")
        settings = from_arguments(str(folder), "pod/web:/app", flags=flags)
        yield Ground(cluster, settings, f"http://{pod['status']['podIP']}:{PORT}/")


def pod_manifest(command: tuple[str, ...]) -> dict[str, Any]:
    address = {"fieldRef": {"fieldPath": "status.podIP"}}
    container = {
        "name": "app",
        "image": "web:1",
        "args": list(command),
        "ports": [{"containerPort": PORT}],
        "env": [{"name": "POD_IP", "valueFrom": address}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [container]},
    }


async def measured(place: Ground, **options: Any) -> Result:
    told: list[Sample] = []
    usual = {"warmup": 0, "iterations": 1, "url": place.url, "restores": False}
    plan = Plan(**{**usual, **options})
    result = await run(place.settings, plan, told.append)
    assert told == result.samples
    return result


async def test_edits_are_measured_by_every_mode_and_the_target_is_as_before(
    tmp_path: Path,
) -> None:
    local = ("python3", "-c", SERVER, "127.0.0.1", "{port}")
    async with ground(tmp_path) as place:
        result = await measured(
            place,
            modes=("syncd", "local", "exec-tar", f"own={copying(place)}"),
            pattern="delete",
            warmup=1,
            restores=True,
            url=None,  # through a forwarded port
            local_command=(sys.executable, *local[1:]),
        )

        assert [sample.failed for sample in result.samples] == [""] * 8
        assert result.modes == ("syncd", "local", "exec-tar", "own")
        assert len(result.counted("syncd")) == 1
        for sample in result.samples:
            assert sample.total_ms is not None
            split_ms = sum(step.took_ms for step in sample.steps)
            assert split_ms == pytest.approx(sample.total_ms, abs=1)
        (syncd,) = result.counted("syncd")
        seen_late = {"reloaded", "ready"}
        names = [step.name for step in syncd.steps if step.name not in seen_late]
        assert names == [name for name in STEPS if name not in seen_late]
        assert syncd.batch is not None
        assert syncd.sent_bytes
        assert syncd.cpu_s
        assert syncd.agent_cpu_s
        assert result.costs.daemon
        assert result.costs.agents
        assert result.environment["image"] == "web:1"
        assert sorted(path.name for path in place.there().iterdir()) == [
            ".gitignore",
            "main.py",
        ]
        assert "hello" in (place.there() / "main.py").read_text()
    assert "hello" in (tmp_path / "folder" / "main.py").read_text()


def copying(place: Ground) -> str:
    """Return a tool that copies into the container, from beneath it."""
    return f"cp $SYNCD_BENCH_CHANGED {shlex.quote(str(place.there()))}/"


async def test_edits_may_be_made_by_a_command_and_leave_nothing_in_the_target(
    tmp_path: Path,
) -> None:
    command = """
    sed "s/hello from myapp/$SYNCD_BENCH_MARKER/" first.py > main.py
    mkdir -p "made here" && date +%N > "made here/new.py"
    """
    async with ground(tmp_path) as place:
        (place.folder / "first.py").write_text("SAYS = 'hello from myapp'\n")
        before = contents(place.folder)
        result = await measured(
            place, modes=("syncd", "exec-tar"), edit=command, restores=True
        )
        there = contents(place.there())

    assert [sample.failed for sample in result.samples] == ["", ""]
    assert all(sample.changed_bytes > 10 for sample in result.samples)
    assert result.pattern == f"--edit {shlex.quote(command)}"
    assert contents(tmp_path / "folder") == before
    assert there == {name: before[name] for name in before if name != "kept.log"}


async def test_an_edit_that_cannot_be_made_is_a_sample(tmp_path: Path) -> None:
    async with ground(tmp_path) as place:
        failing = await measured(
            place, modes=("idle=true",), edit="echo no; exit 3", timeout_s=5
        )
        hanging = await measured(
            place, modes=("idle=true",), edit="sleep 1000", timeout_s=0.2
        )

    assert failing.samples[0].failed == "the edit failed: exit code 3: no"
    assert hanging.samples[0].failed == "the edit was not made within 0.2 s"


def contents(folder: Path) -> dict[str, bytes]:
    """Return what the files in a folder hold."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


async def test_an_edit_that_is_not_served_is_a_sample(tmp_path: Path) -> None:
    async with ground(tmp_path) as place:
        result = await measured(
            place,
            modes=(
                "idle=true",
                "broken=echo no >&2; exit 3",
                "watching=cd . && FOO=1 sleep 100 &",
                "gone=echo bye; exit 3 &",
            ),
            iterations=2,
            timeout_s=0.3,
        )

    late = "not served within 0.3 s"
    gone = "echo bye; exit 3 ended by itself, exit code 3: bye"
    for mode, failed in {
        "idle": late,
        "broken": "exit code 3: no",
        "watching": late,
        "gone": gone,
    }.items():
        assert [s.failed for s in result.counted(mode)] == [failed] * 2


async def test_of_an_edit_that_is_not_served_what_is_known_is_kept(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as place:
        nowhere = "http://127.0.0.1:1/"
        result = await measured(place, modes=("syncd",), url=nowhere, timeout_s=0.5)

    (sample,) = result.samples
    assert sample.failed
    assert sample.total_ms is None
    assert sample.batch is not None
    assert sample.applied_ms is not None
    assert "applied" in dict(sample.steps)
    assert "served" not in dict(sample.steps)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="not Linux")
async def test_a_daemon_that_is_killed_ends_its_mode_with_the_reason(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as place:
        plan = Plan(
            modes=("syncd",), warmup=0, iterations=3, url=place.url, restores=False
        )
        result = await run(place.settings, plan, lambda _: kill_daemons())

    first, *later = (sample.failed for sample in result.samples)
    assert first == ""
    assert later == ["syncd ended by itself, signal 9: without a word"] * 2


def kill_daemons() -> None:
    """Kill those that this process has started."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text().split():
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            if watching.__name__.encode() in line:
                os.kill(int(pid), signal.SIGKILL)


async def test_what_was_measured_outlives_a_target_that_cannot_be_brought_back(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as place:
        plan = Plan(
            modes=("idle=true",), warmup=0, iterations=1, url=place.url, timeout_s=0.1
        )
        with pytest.raises(CutShort, match="is not as it was before") as caught:
            await run(
                place.settings,
                plan,
                lambda _: shutil.rmtree(place.settings.targets[0].sync[0].local),
            )

    assert [sample.mode for sample in caught.value.result.samples] == ["idle"]
    assert caught.value.result.environment["image"] == "web:1"
    assert isinstance(caught.value.cause, TargetError)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"modes": ("rsync",)}, "'rsync' is not a mode"),
        ({"file": Path("gone.py")}, "no folder that is synced has a file gone.py"),
        ({"file": Path("/etc/hostname")}, "is not a path below the folder"),
        ({"url": "http://web:99999/"}, "is not a URL"),
        ({"marker": "absent"}, "main.py does not hold the text 'absent'"),
    ],
)
async def test_what_cannot_be_measured_is_refused_before_anything_is_touched(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    (tmp_path / "main.py").write_text("SAYS = 'hello from myapp'\n")
    settings = from_arguments(str(tmp_path), "pod/web:/app")

    with pytest.raises(ConfigError, match=said):
        await run(settings, Plan(**options), lambda _: None)
