"""The reloader put before a program on a real cluster, and taken back by `syncd restore`."""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kube import MYAPP, Kube, Workload
from tests.cluster.watching import Syncd
from tests.reloader.running import plain


pytestmark = pytest.mark.cluster

SERVER = ("python3", "/srv/main.py")
SETTINGS = """
[[target]]
workload = "deployment/{name}"
namespace = "{namespace}"
sync = [{{ local = "code", remote = "/srv" }}]

[target.reloader]
inject = true
{named}
"""
WRITE = "import sys; open('/srv/main.py', 'w').write(sys.argv[1])"
MOVES = ("generation", "resourceVersion", "managedFields", "annotations")


# The container's command and arguments, and what the settings say of them.
STARTS = {
    "command": (SERVER, [], ""),
    "shell": (
        ("sh", "-c"),
        [f"exec {' '.join(SERVER)}"],
        f"command = {json.dumps(SERVER)}",
    ),
}


def workload(kube: Kube, name: str, start: str) -> Workload:
    """A server in a volume, with another volume of its own."""
    command, args, _ = STARTS[start]
    mounts = [{"name": "code", "mountPath": "/srv"}]
    write = {
        "name": "write",
        "image": MYAPP,
        "command": ["python3", "-c", WRITE, plain("ANSWER = 1")],
        "volumeMounts": mounts,
    }
    return Workload(
        kube,
        name,
        image=MYAPP,
        command=command,
        container={"volumeMounts": mounts, **({"args": args} if args else {})},
        spec={
            "volumes": [{"name": "code", "emptyDir": {}}],
            "initContainers": [write],
        },
    )


def facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a person could have set, and who manages it."""
    metadata = document["metadata"]
    annotations = dict(metadata.get("annotations", {}))
    annotations.pop("deployment.kubernetes.io/revision", None)
    managed = [
        (each["manager"], each["operation"], each["fieldsV1"])
        for each in metadata["managedFields"]
        if "subresource" not in each
    ]
    kept = {key: value for key, value in metadata.items() if key not in MOVES}
    return {
        **kept,
        "all annotations": annotations,
        "owners": sorted(managed, key=lambda owner: owner[:2]),
        "spec": document["spec"],
    }


@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["client", "server"])
@pytest.mark.parametrize("start", STARTS)
def test_a_workload_is_afterwards_what_it_was_field_by_field(
    kube: Kube, tmp_path: Path, how: tuple[str, ...], start: str
) -> None:
    name = f"{start}{''.join(how).replace('-', '')}"
    web = workload(kube, name, start)
    manifest = json.dumps(web.manifest())
    kube("apply", *how, "-f", "-", stdin=manifest)
    kube("rollout", "status", web.target, "--timeout=60s")
    before = whole(kube, web.target)
    main = tmp_path / "code" / "main.py"
    main.parent.mkdir()
    main.write_text(plain("ANSWER = 1"))
    named = STARTS[start][2]
    settings = SETTINGS.format(name=name, namespace=kube.namespace, named=named)
    (tmp_path / "syncd.toml").write_text(settings)
    syncd = Syncd(tmp_path / "home")

    with syncd.watch(cwd=tmp_path) as watching:
        watching.until("reloader.injected")
        for number in count(2):  # the first may be there before the reloader listens
            main.write_text(plain(f"ANSWER = {number}"))
            if watching.until("batch.reloaded")["steps"]:
                break
    (pod,) = web.pods()
    done = syncd.call("restore", cwd=tmp_path)
    after = whole(kube, web.target)

    (container,) = pod["spec"]["containers"]
    assert [*container["command"], *container.get("args", ())][-2:] == list(SERVER)
    assert done.code == 0
    assert [event["event"] for event in done.events] == ["reloader.restored"]
    assert facts(after) == facts(before)
    assert "syncd-reloader" not in kube("get", "configmaps", "-o", "name")
    other = manifest.replace("/srv/main.py", "/srv/./main.py")
    kube(
        "apply", *how, "-f", "-", stdin=other
    )  # is refused if another owns the command


def whole(kube: Kube, target: str) -> dict[str, Any]:
    """Return all of a Deployment: kubectl would leave out who manages it."""
    name = target.partition("/")[2]
    path = f"/apis/apps/v1/namespaces/{kube.namespace}/deployments/{name}"
    found: dict[str, Any] = json.loads(kube("get", "--raw", path))
    return found
