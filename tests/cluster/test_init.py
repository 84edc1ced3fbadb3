"""`syncd init` on the real cluster."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.kube import Workload
from tests.cluster.watching import Syncd


pytestmark = pytest.mark.cluster


def test_what_init_writes_is_what_watch_and_doctor_take(
    workload: Callable[..., Workload], tmp_path: Path
) -> None:
    web = workload(
        "shop", command=("sleep", "100000"), container={"workingDir": "/tmp"}
    )
    project = tmp_path / "shop"
    (project / "app").mkdir(parents=True)
    (project / "app" / "main.py").write_text("x = 1\n")
    argv = [sys.executable, "-m", "syncd", "init", "-n", web.kube.namespace]
    said = subprocess.run(
        argv, cwd=project, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    again = subprocess.run(
        argv, cwd=project, capture_output=True, text=True, check=False, timeout=60
    )

    syncd = Syncd(tmp_path / "syncd")
    doctor = syncd.call("doctor", cwd=project)
    synced = syncd.call("sync", cwd=project)

    assert "workload deployment/shop" in said
    assert "it has the project folder's name" in said
    assert again.returncode == 2
    assert "syncd.toml is there already" in again.stderr
    assert doctor.code == 0, doctor.out
    assert synced.code == 0, synced.out
    assert web.sh("cat /tmp/main.py") == "x = 1\n"
