import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def in_namespace(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run as the root of a user namespace, which has limits of its own."""
    return subprocess.run(
        ["unshare", "-Ur", *argv], capture_output=True, text=True, check=False
    )


def why_not() -> str:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return "there are no user namespaces here"
    return in_namespace("test", "-w", "/proc/sys/user/max_inotify_watches").stderr


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def watched(root: Path, limit: str) -> list[dict[str, Any]]:
    """Return the events of a watch with a limit of inotify lowered."""
    name, _, value = limit.partition("=")
    limited = f'echo {value} > /proc/sys/user/{name} && exec "$@"'
    argv = [sys.executable, "-m", "tests.watch.exhausted", str(root)]
    done = in_namespace("sh", "-c", limited, "sh", *argv)
    assert done.returncode == 0, done.stderr
    events: list[dict[str, Any]] = json.loads(done.stdout)
    return events


@pytest.mark.parametrize(
    ("limit", "sysctl"),
    [
        ("max_inotify_watches=5", "fs.inotify.max_user_watches"),
        ("max_inotify_instances=0", "fs.inotify.max_user_instances"),
    ],
)
def test_a_limit_that_is_reached_is_said_and_survived(
    tmp_path: Path, limit: str, sysctl: str
) -> None:
    for number in range(20):
        (tmp_path / str(number)).mkdir()

    degraded, started = watched(tmp_path, limit)

    assert degraded["event"] == "watch.degraded"
    assert degraded["root"] == str(tmp_path)
    assert sysctl in degraded["hint"]
    assert "by the clock" in degraded["reason"]
    assert started["event"] == "watch.started"
    assert started["backend"].startswith("a look every")


def test_limits_that_are_not_reached_are_not_spoken_of(tmp_path: Path) -> None:
    (started,) = watched(tmp_path, "max_inotify_watches=100")

    assert started["backend"] == "inotify"
