"""The manifests on a real cluster: what the API server, a kubelet and PostgreSQL say."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.deployed import Deployed, Namespace, deployed, images_missing
from tests.deploy.rendering import OVERLAYS


pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    if reason := images_missing():
        pytest.skip(reason)
    with deployed(tmp_path_factory.mktemp("deploy")) as running:
        yield running


@pytest.fixture
def dev(running: Deployed) -> Namespace:
    return running.home


SERVICE = "services/myapp:http"
# From inside a Pod: the API server's proxy would send it without its content type.
CREATE = """python3 -c "
from urllib.request import Request, urlopen
body = b'{\\"title\\": \\"kept\\"}'
json = {'Content-Type': 'application/json'}
print(urlopen(Request('http://127.0.0.1:8080/tasks', body, json)).read().decode())
"
"""


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_api_server_accepts_every_manifest(running: Deployed, name: str) -> None:
    manifests = running.manifests(name)

    said = running.home.apply(manifests, "--dry-run=server", "--validate=true")

    assert len(said.splitlines()) == len(manifests)


def test_the_program_is_served_and_keeps_its_rows_in_postgres(dev: Namespace) -> None:
    assert dev.ask(SERVICE, "/readyz") == {"ready": True}
    made = json.loads(dev.sh("myapp", CREATE))

    query = (
        f"psql -U myapp -d myapp -tAc 'select title from tasks where id={made['id']}'"
    )

    assert dev.ask(SERVICE, f"/tasks/{made['id']}") == made
    assert dev.sh("postgres", query).strip() == "kept"


def test_the_container_can_write_where_syncd_writes_and_nowhere_else(
    dev: Namespace,
) -> None:
    script = """
        set -e
        id -u
        mkdir -p /app/one/two && mv /app/one /app/three && rm -r /app/three && echo moved
        mv /app/migrations /app/moved && mv /app/moved /app/migrations && echo moved
        touch /opt/venv/x 2>&1 || true
    """
    said = dev.sh("myapp", script)

    assert said.splitlines()[:3] == ["10001", "moved", "moved"]
    assert "Read-only file system" in said


def test_what_was_synced_is_served_and_outlives_a_crash_of_the_container(
    dev: Namespace,
) -> None:
    (pod,) = dev.pods("myapp")
    edit = (
        "sed 's/^VERSION = .*/VERSION = \"synced\"/' main.py > .new && mv .new main.py"
    )
    dev.sh("myapp", edit)
    # Process 1 is the reloader: the container ends with it and is started again.
    # The exec may end with it, so its verdict is of no interest.
    end = ("--container", "myapp", "--", "sh", "-c", "kill 1")
    dev.answer("exec", dev.pods("myapp")[0]["metadata"]["name"], *end)

    name = pod["metadata"]["name"]
    dev.restarted(name)

    assert dev.ask(f"pods/{name}:8080", "/")["version"] == "synced"


def test_applying_again_changes_nothing(running: Deployed) -> None:
    kinds = "deployment,statefulset,ingress,networkpolicy"

    def generations() -> list[int]:
        items = running.home.get(kinds)["items"]
        return [item["metadata"]["generation"] for item in items]

    before = generations()
    running.switch("dev")

    assert generations() == before


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("watch", "pods", True),
        ("get", "pods --subresource=exec", True),
        ("create", "pods --subresource=exec", True),
        ("get", "pods --subresource=log", True),
        ("create", "pods --subresource=portforward", False),
        ("patch", "deployments.apps/myapp", True),
        ("patch", "deployments.apps/other", False),
        ("patch", "statefulsets.apps/postgres", False),
        ("delete", "pods", False),
        ("get", "secrets", False),
        ("create", "deployments.apps", False),
    ],
)
def test_the_account_of_syncd_may_do_its_work_only(
    dev: Namespace, verb: str, resource: str, *, allowed: bool
) -> None:
    account = f"--as=system:serviceaccount:{dev.name}:syncd"
    answer = dev.answer("auth", "can-i", verb, *resource.split(), account)

    assert answer.strip() == ("yes" if allowed else "no")


def test_the_production_like_overlay_takes_over_and_gives_back(
    running: Deployed,
) -> None:
    home = running.home
    made = json.loads(home.sh("myapp", CREATE))
    try:
        running.switch("prod-like")

        pods = {pod["metadata"]["name"] for pod in home.pods("myapp")}
        assert len(pods) == 2
        assert pods == {home.ask(SERVICE, "/")["pod"] for _ in range(30)}
        assert home.ask(SERVICE, f"/tasks/{made['id']}") == made
        assert "Read-only" in home.sh("myapp", "touch /app/x 2>&1 || true")
        assert not home.get("rolebinding")["items"]
    finally:
        running.switch("dev")

    assert [one["metadata"]["name"] for one in home.get("rolebinding")["items"]] == [
        "syncd"
    ]
