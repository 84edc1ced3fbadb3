"""What a kubelet does for Pods: environment, volumes, probes, order, and their end."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncd.loopback.dialect import Dialect
from syncd.loopback.image import Image
from syncd.loopback.node import ContainerNotFound

from .lab import BUSYBOX, WAIT_S, Lab, logs, open_lab


WAIT = ["sh", "-c", "while :; do sleep 9; done"]
SERVER = (
    "import http.server, os, sys\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200 if os.path.exists('/tmp' + self.path) else 503)\n"
    "        self.end_headers()\n"
    "    def log_message(self, *_): pass\n"
    "http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), H).serve_forever()\n"
)


def entry(**more: Any) -> dict[str, Any]:
    return {"name": "c", "image": "box", "command": WAIT, **more}


def first(status: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = status["containerStatuses"][0]
    return found


def reason(status: dict[str, Any]) -> Any:
    return first(status)["state"].get("waiting", {}).get("reason")


def is_running(status: dict[str, Any]) -> bool:
    return "running" in first(status)["state"]


async def test_a_container_gets_its_environment(tmp_path: Path) -> None:
    def field(path: str) -> dict[str, Any]:
        return {"fieldRef": {"fieldPath": path}}

    env = [
        {"name": "NAME", "valueFrom": field("metadata.name")},
        {"name": "POD_IP", "valueFrom": field("status.podIP")},
        {"name": "URL", "value": "http://$(POD_IP):1/$(NOPE)/$$(POD_IP)"},
        {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
        {"name": "PASS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}},
        {
            "name": "NONE",
            "valueFrom": {
                "secretKeyRef": {"name": "absent", "key": "p", "optional": True}
            },
        },
    ]
    async with open_lab(tmp_path) as lab:
        lab.objects["configmaps", "lab", "m"] = {"data": {"k": "v"}}
        lab.objects["secrets", "lab", "s"] = {
            "kind": "Secret",
            "data": {"p": "aHVudGVy"},
        }
        from_all = [{"prefix": "ALL_", "configMapRef": {"name": "m"}}]
        command = ["sh", "-c", "echo $(KEY) $HOSTNAME; env; echo end; sleep 9"]
        uid = await lab.run("app", *command, env=env, envFrom=from_all)
        await lab.logged(uid, "end")
        address = lab.node.address(uid)
        said = logs(lab.container(uid)).splitlines()

    assert said[0] == "v app"
    assert f"URL=http://{address}:1/$(NOPE)/$(POD_IP)" in said
    assert {"NAME=app", "KEY=v", "ALL_k=v", "PASS=hunter", "HOSTNAME=app"} <= set(said)
    assert not any(line.startswith("NONE=") for line in said)


async def test_a_missing_object_is_waited_for(tmp_path: Path) -> None:
    source = {"configMapKeyRef": {"name": "late", "key": "k"}}
    async with open_lab(tmp_path) as lab:
        spec = {"containers": [entry(env=[{"name": "K", "valueFrom": source}])]}
        uid = lab.add("app", spec)
        status = await lab.until(
            uid, lambda s: reason(s) == "CreateContainerConfigError"
        )
        lab.objects["configmaps", "lab", "late"] = {"data": {"k": "v"}}
        await lab.until(uid, is_running)

    assert first(status)["state"]["waiting"]["message"] == 'configmap "late" not found'


@pytest.mark.skipif(sys.platform != "linux", reason="one address for all Pods")
async def test_pods_listen_on_the_same_port_and_are_asked_if_they_are_ready(
    tmp_path: Path,
) -> None:
    probe = {
        "httpGet": {"path": "/ready", "port": "web"},
        "periodSeconds": 0.05,
        "failureThreshold": 1,
    }
    pod_ip = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    async with open_lab(tmp_path) as lab:
        uids = [
            await lab.run(
                name,
                *("python3", "-c", SERVER, "$(IP)", "8080"),
                image="py",
                env=[pod_ip],
                ports=[{"name": "web", "containerPort": 8080}],
                readinessProbe=probe,
            )
            for name in ("one", "two")
        ]
        unready = [first(lab.node.status(uid))["ready"] for uid in uids]
        for uid in uids:
            await lab.sh(uid, "touch /tmp/ready")
            await lab.until(uid, lambda status: first(status)["ready"])
        await lab.sh(uids[0], "rm /tmp/ready")
        await lab.until(uids[0], lambda status: not first(status)["ready"])

    assert unready == [False, False]
    assert any("HTTP probe failed with statuscode: 503" in e[3] for e in lab.events)


async def test_a_container_that_does_not_answer_is_restarted(tmp_path: Path) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/dead"]}, "periodSeconds": 0.05}
    alive = {**probe, "exec": {"command": ["test", "!", "-e", "/tmp/dead"]}}
    alive["failureThreshold"] = 1
    async with open_lab(tmp_path) as lab:
        spec = {"containers": [entry(livenessProbe=alive)]}
        uid = lab.add("app", {**spec, "terminationGracePeriodSeconds": 0})
        await lab.until(uid, is_running)
        await lab.sh(uid, "touch /tmp/dead")
        status = await lab.until(uid, lambda s: first(s)["restartCount"] == 1)

    assert first(status)["lastState"]["terminated"]["exitCode"] == 137
    assert ("Warning", "Unhealthy") in {event[1:3] for event in lab.events}


async def test_a_container_counts_as_started_when_its_probe_says_so(
    tmp_path: Path,
) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 0.05}
    startup = {**probe, "failureThreshold": 1000}
    async with open_lab(tmp_path) as lab:
        uid = lab.add("app", {"containers": [entry(startupProbe=startup)]})
        status = await lab.until(uid, is_running)
        await lab.sh(uid, "touch /tmp/up")
        await lab.until(uid, lambda s: first(s)["started"] and first(s)["ready"])

    assert not first(status)["started"]
    assert not first(status)["ready"]


async def test_init_containers_run_one_after_the_other_before_the_others(
    tmp_path: Path,
) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/shared"}]}

    def init(name: str) -> dict[str, Any]:
        command = ["sh", "-c", f"echo {name} >>/shared/order"]
        return {"name": name, "image": "box", "command": command, **mount}

    async with open_lab(tmp_path) as lab:
        spec = {
            "initContainers": [init("one"), init("two")],
            "containers": [entry(**mount)],
            "volumes": [{"name": "v", "emptyDir": {}}],
        }
        uid = lab.add("app", spec)
        status = await lab.until(uid, is_running)
        _, order = await lab.sh(uid, "cat /shared/order")
        before = lab.statuses[uid][0]

    assert order == "one\ntwo\n"
    assert reason(before) == "PodInitializing"
    ends = [c["state"]["terminated"]["reason"] for c in status["initContainerStatuses"]]
    assert ends == ["Completed", "Completed"]


async def test_an_init_container_that_fails_fails_a_pod_that_is_never_restarted(
    tmp_path: Path,
) -> None:
    init = {"name": "i", "image": "box", "command": ["sh", "-c", "exit 3"]}
    async with open_lab(tmp_path) as lab:
        spec = {
            "restartPolicy": "Never",
            "initContainers": [init],
            "containers": [entry()],
        }
        uid = lab.add("app", spec)
        status = await lab.until(uid, lambda status: status["phase"] == "Failed")

    assert reason(status) == "PodInitializing"


async def test_volumes_of_all_kinds(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        lab.objects["configmaps", "lab", "m"] = {"data": {"a": "1", "b": "2"}}
        lab.objects["secrets", "lab", "s"] = {
            "kind": "Secret",
            "data": {"p": "aHVudGVy"},
        }
        items = [{"key": "a", "path": "deep/a"}]
        volumes = [
            {"name": "m", "configMap": {"name": "m", "items": items}},
            {"name": "s", "secret": {"secretName": "s"}},
            {"name": "e", "emptyDir": {}},
            {"name": "p", "persistentVolumeClaim": {"claimName": "data"}},
        ]
        mounts = [{"name": n, "mountPath": f"/vol/{n}"} for n in "msep"]
        container = entry(volumeMounts=mounts)
        uid = lab.add("app", {"containers": [container], "volumes": volumes})
        await lab.until(uid, is_running)
        script = "cd /vol; cat m/deep/a s/p; touch e/x p/x m/x; ls m"
        _, said = await lab.sh(uid, script)
        lab.node.kill(uid, "c")
        await lab.until(uid, lambda s: first(s)["restartCount"] == 1 and is_running(s))
        _, kept = await lab.sh(uid, "ls /vol/e /vol/p")
        lab.node.stop(uid, 0)
        await lab.until_gone(uid)
        again = lab.add("again", {"containers": [container], "volumes": volumes})
        await lab.until(again, is_running)
        _, left = await lab.sh(again, "ls /vol/e /vol/p")

    assert said.startswith("1hunter")
    assert ("Read-only file system" in said) == lab.node.isolated
    assert kept.count("x\n") == 2
    assert left.count("x\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="there is no tmpfs to be full")
async def test_a_read_only_root_leaves_its_volumes_to_write_and_they_can_be_full(
    tmp_path: Path,
) -> None:
    memory = {"medium": "Memory", "sizeLimit": "64Ki"}
    async with open_lab(tmp_path) as lab:
        if not lab.node.isolated:
            pytest.skip("no namespaces here")
        container = entry(
            securityContext={"readOnlyRootFilesystem": True},
            volumeMounts=[{"name": "v", "mountPath": "/app/data"}],
        )
        volumes = [{"name": "v", "emptyDir": memory}]
        uid = lab.add("app", {"containers": [container], "volumes": volumes})
        await lab.until(uid, is_running)
        _, said = await lab.sh(
            uid,
            "cd /app; touch x /tmp/x /x; echo y >data/y; dd if=/dev/zero of=data/z bs=1k count=99",
        )

    assert said.count("Read-only file system") == 3
    assert "No space left on device" in said


async def test_an_image_that_is_pushed_late_is_pulled_then(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = lab.add("app", {"containers": [entry(image="late:1")]})
        await lab.until(uid, lambda status: reason(status) == "ImagePullBackOff")
        lab.images["late:1"] = Image("late:1", tools=BUSYBOX)
        status = await lab.until(uid, is_running)

    assert first(status)["imageID"].startswith("sha256:")


async def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = lab.add("app", {"containers": [entry(command=["nosuch"])]})
        status = await lab.until(
            uid, lambda status: "terminated" in first(status)["lastState"]
        )

    end = first(status)["lastState"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (128, "StartError")
    assert 'exec: "nosuch": executable file not found in $PATH' in end["message"]


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_pod_gets_its_grace_and_no_more(
    tmp_path: Path, dialect: Dialect
) -> None:
    loop = "echo up; while :; do sleep 0.01; done"
    deaf = ["sh", "-c", f"trap '' TERM; {loop}"]
    kind = ["sh", "-c", f"trap 'exit 0' TERM; {loop}"]
    async with open_lab(tmp_path, dialect) as lab:
        uids = [await lab.run(f"app{len(c[2])}", *c) for c in (deaf, kind)]
        for uid, grace_s in zip(uids, (0.2, 60), strict=True):
            await lab.logged(uid, "up")
            lab.node.stop(uid, grace_s)
            await lab.until_gone(uid)
        ends = [first(lab.node.status(uid))["state"]["terminated"] for uid in uids]
        phases = [lab.node.status(uid)["phase"] for uid in uids]

    assert [end["exitCode"] for end in ends] == [137, 0]
    assert phases == (["Failed", "Succeeded"] if dialect.modern else ["Running"] * 2)


async def test_a_second_stop_shortens_the_grace(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run(
            "app", "sh", "-c", "trap '' TERM; while :; do sleep 1; done"
        )
        lab.node.stop(uid, 600)
        await anyio.wait_all_tasks_blocked()
        lab.node.stop(uid, 0)
        await lab.until_gone(uid)

    assert not (tmp_path / "pods" / uid).exists()


async def test_a_pod_is_stopped_in_whatever_it_does(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        pulling = lab.add("pulling", {"containers": [entry(image="absent")]})
        await lab.until(pulling, lambda status: "podIP" in status)
        crashing = lab.add(
            "crashing", {"containers": [entry(command=["sh", "-c", "exit 1"])]}
        )
        await lab.until(crashing, lambda s: first(s)["restartCount"] == 1)
        new = lab.add("new", {"containers": [entry()]})
        for uid in (pulling, crashing, new):
            lab.node.stop(uid, 0.1)
            await lab.until_gone(uid)


async def test_a_node_stops_at_once_in_the_middle_of_everything(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Dialect.V1_36)
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lab.node.run)
            lab.add("new", {"containers": [entry()]})
            await lab.node.ready()
            lab.add("newer", {"containers": [entry()]})
            tasks.cancel_scope.cancel()


async def test_two_containers_of_a_pod_share_its_volumes_and_not_their_files(
    tmp_path: Path,
) -> None:
    mount = [{"name": "v", "mountPath": "/shared"}]
    names = ("a", "b")
    containers = [entry(volumeMounts=mount) | {"name": name} for name in names]
    async with open_lab(tmp_path) as lab:
        uid = lab.add(
            "two",
            {"containers": containers, "volumes": [{"name": "v", "emptyDir": {}}]},
        )
        await lab.until(uid, lambda s: all(c["ready"] for c in s["containerStatuses"]))
        await lab.sh(uid, "touch /shared/x /app/mine", "a")
        _, seen = await lab.sh(uid, "ls /shared /app", "b")

    assert "x\n" in seen
    assert "mine" not in seen


async def test_a_container_that_may_not_be_root_is_not_started_as_root(
    tmp_path: Path,
) -> None:
    async with open_lab(tmp_path) as lab:
        container = entry(securityContext={"runAsNonRoot": True})
        uid = lab.add("app", {"containers": [container]})
        status = await lab.until(
            uid, lambda s: reason(s) == "CreateContainerConfigError"
        )

    message = first(status)["state"]["waiting"]["message"]
    assert message == "container has runAsNonRoot and image will run as root"


async def test_files_that_cannot_be_made_are_said_and_tried_again(
    tmp_path: Path,
) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run("other", *WAIT)  # the image is pulled
        (tmp_path / "pods" / "app-2").write_text("in the way")
        uid = lab.add("app", {"containers": [entry()]})
        await lab.until(uid, lambda s: reason(s) == "CreateContainerError")
        (tmp_path / "pods" / "app-2").unlink()
        await lab.until(uid, is_running)


async def test_a_volume_of_what_is_missing_is_waited_for(tmp_path: Path) -> None:
    volumes = [{"name": "m", "configMap": {"name": "late"}}]
    async with open_lab(tmp_path) as lab:
        uid = lab.add("app", {"containers": [entry()], "volumes": volumes})
        with anyio.fail_after(WAIT_S):
            while not any(event[2] == "FailedMount" for event in lab.events):
                await anyio.wait_all_tasks_blocked()
        lab.objects["configmaps", "lab", "late"] = {"data": {"a": "b"}}
        await lab.until(uid, is_running)

    (failed,) = {event[3] for event in lab.events if event[2] == "FailedMount"}
    assert failed == 'MountVolume.SetUp failed: configmap "late" not found'


async def test_an_image_that_cannot_be_made_is_not_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    async with open_lab(tmp_path) as lab:
        lab.images["lost"] = Image("lost", files=tmp_path / "lost")
        lab.images["bare"] = Image("bare", tools="none")
        messages = []
        for image in ("lost", "bare"):
            uid = lab.add(image, {"containers": [entry(image=image)]})
            status = await lab.until(uid, lambda s: reason(s) == "ErrImagePull")
            messages.append(first(status)["state"]["waiting"]["message"])

    assert "No such file or directory" in messages[0]
    assert messages[1].startswith("no sleep on this machine. Install sleep")


async def test_nothing_is_started_in_a_container_that_does_not_run(
    tmp_path: Path,
) -> None:
    async with open_lab(tmp_path) as lab:
        uid = lab.add("app", {"containers": [entry(image="absent")]})
        await lab.until(uid, lambda status: "podIP" in status)
        code, said = await lab.sh(uid, "true")
        with pytest.raises(ContainerNotFound, match="container not found"):
            lab.node.running(uid, "c")
        with pytest.raises(ContainerNotFound):
            lab.node.files(uid, "c")

    assert (code, said) == (128, "container not running")


async def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("app", *WAIT)
        lab.node.forget(uid)
        kept = bool(lab.node.status(uid))
        lab.node.stop(uid, 0)
        await lab.until_gone(uid)
        lab.node.forget(uid)

        assert kept
        assert lab.node.status(uid) == {}
        assert lab.node.gone(uid)
        assert lab.node.address(uid) is None
