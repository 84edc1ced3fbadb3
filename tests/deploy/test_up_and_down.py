"""deploy/up and deploy/down, with stand-ins that note how they are called."""

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.programs import ROOT


NEEDED = ("bash", "base64", "cat", "dirname", "mv", "od", "rm", "sed", "tr")
KUBECTL = "kubectl --context k3d-dev --namespace myapp"
OWN_KINDS = "role,rolebinding,serviceaccount,networkpolicy,configmap"
# Each tool notes its call, and remembers in files what the real one would.
STAND_INS = {
    "docker": """
        case "$1 $2" in
          "info "*) [ ! -e "$STATE/daemon-down" ] ;;
          "image inspect") echo "sha256:0123456789abcdef0123" ;;
        esac""",
    "k3d": """
        case "$1 $2" in
          "cluster list") [ -e "$STATE/cluster" ] ;;
          "cluster create") touch "$STATE/cluster" ;;
          "cluster delete") rm "$STATE/cluster" ;;
        esac""",
    "kubectl": """
        case "$*" in
          kustomize*) echo "image: k3d-registry.localhost:5000/myapp:dev" ;;
          *"get secret"*) [ ! -e "$STATE/secret" ] || cat "$STATE/secret" ;;
          *apply*) cat > "$STATE/applied" ;;
          *"rollout status"*) [ ! -e "$STATE/stuck" ] ;;
        esac""",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A copy of `deploy/` on a machine that has the tools it is given."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def password(self) -> Path:
        return self.root / "deploy/k8s/base/postgres.env"

    def install(self, *tools: str) -> None:
        for tool in tools:
            script = self.root / "bin" / tool
            script.write_text(
                f'#!{shutil.which("bash")}\necho "{tool} $*" >> "$STATE/calls"\n'
                + STAND_INS[tool]
            )
            script.chmod(0o755)

    def run(self, command: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", self.root / "deploy" / command, *args],
            env={"PATH": str(self.root / "bin"), "STATE": str(self.state)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        """Return the calls since the last time, without those that only look."""
        path = self.state / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        looks = ("docker info", "k3d cluster list")
        return [line for line in lines if not line.startswith(looks)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    shutil.copytree(
        ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("*.env")
    )
    for folder in ("bin", "state"):
        (tmp_path / folder).mkdir()
    for name in (*NEEDED, "touch"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    return Machine(tmp_path)


@pytest.fixture
def ready(machine: Machine) -> Machine:
    machine.install("docker", "k3d", "kubectl")
    return machine


def test_up_names_everything_that_is_missing_at_once(machine: Machine) -> None:
    machine.install("docker")

    done = machine.run("up")

    assert done.returncode == 1
    assert [line.split()[0] for line in done.stderr.splitlines()[1:3]] == [
        "k3d",
        "kubectl",
    ]
    assert "Nothing was changed." in done.stderr
    assert machine.calls() == []


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_sleeping_daemon_is_noticed_before_anything_is_done(
    ready: Machine, command: str
) -> None:
    (ready.state / "daemon-down").touch()

    done = ready.run(command)

    assert done.returncode == 1
    assert "daemon" in done.stderr
    assert ready.calls() == []


def test_up_refuses_an_overlay_that_is_not_there(ready: Machine) -> None:
    done = ready.run("up", "production")

    assert done.returncode == 2
    assert 'no overlay "production"; there are: dev prod-like' in done.stderr
    assert ready.calls() == []


def test_up_goes_from_nothing_to_served(ready: Machine) -> None:
    done = ready.run("up")

    assert done.returncode == 0, done.stderr
    calls = ready.calls()
    calls[6:8] = sorted(calls[6:8])  # the two ends of a pipe, which start at once
    assert calls == [
        "k3d cluster create --config deploy/k3d.yaml",
        f"{KUBECTL} get secret postgres --ignore-not-found -o jsonpath={{.data.PGPASSWORD}}",
        "docker build -f Dockerfile.dev -t localhost:5000/myapp:dev .",
        "docker image inspect --format {{.Id}} localhost:5000/myapp:dev",
        "docker tag localhost:5000/myapp:dev localhost:5000/myapp:0123456789ab",
        "docker push --quiet localhost:5000/myapp:0123456789ab",
        f"{KUBECTL} apply -f -",
        "kubectl kustomize deploy/k8s/overlays/dev",
        f"{KUBECTL} delete {OWN_KINDS} --selector overlay,overlay!=dev --ignore-not-found",
        f"{KUBECTL} rollout status statefulset/postgres --timeout 300s",
        f"{KUBECTL} rollout status deployment/myapp --timeout 300s",
    ]
    applied = (ready.state / "applied").read_text()
    assert applied == "image: k3d-registry.localhost:5000/myapp:0123456789ab\n"
    assert "http://myapp.localhost:8080" in done.stdout
    assert "syncd watch ./deploy/myapp deployment/myapp:/app -n myapp" in done.stdout


def test_up_again_keeps_the_cluster_and_the_password(ready: Machine) -> None:
    ready.run("up")
    password, _ = ready.password.read_text(), ready.calls()

    done = ready.run("up")

    assert done.returncode == 0, done.stderr
    assert ready.calls()[0] == "k3d cluster start dev --wait"
    assert ready.password.read_text() == password


def test_the_password_is_random_and_nobody_elses(ready: Machine) -> None:
    ready.run("up")
    first = ready.password.read_text()
    ready.password.unlink()
    ready.run("up")

    assert first.startswith("PGPASSWORD=")
    assert len(first.strip()) == len("PGPASSWORD=") + 48
    assert ready.password.read_text() != first
    assert stat.S_IMODE(ready.password.stat().st_mode) == 0o600


def test_a_lost_password_file_is_taken_back_from_the_cluster(ready: Machine) -> None:
    (ready.state / "cluster").touch()
    (ready.state / "secret").write_text("b2xk")  # old

    assert ready.run("up").returncode == 0

    assert ready.password.read_text() == "PGPASSWORD=old\n"


def test_a_rollout_that_stands_still_shows_the_clusters_facts(ready: Machine) -> None:
    (ready.state / "stuck").touch()

    done = ready.run("up")

    assert done.returncode != 0
    calls = ready.calls()
    assert any("get pods" in call for call in calls)
    assert any("get events" in call for call in calls)
    assert "is served at" not in done.stdout


def test_down_takes_the_cluster_and_then_the_password(ready: Machine) -> None:
    ready.run("up")
    ready.calls()

    assert ready.run("down").returncode == 0
    assert ready.calls() == ["k3d cluster delete dev"]
    assert not ready.password.exists()

    again = ready.run("down")
    assert again.returncode == 0
    assert ready.calls() == []
    assert "There is no cluster dev." in again.stdout


@pytest.mark.parametrize("command", ["up", "down"])
def test_the_commands_are_clean_shell(command: str) -> None:
    script = ROOT / "deploy" / command
    assert os.access(script, os.X_OK)
    if (shellcheck := shutil.which("shellcheck")) is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        [shellcheck, "--enable=quote-safe-variables", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
