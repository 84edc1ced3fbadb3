"""What sets the edit loop and production apart."""

from tests.deploy.rendering import Manifest, one, pod, questions


def test_only_readiness_asks_for_the_database(prod_like: list[Manifest]) -> None:
    (container,) = pod(prod_like, "myapp")["containers"]
    started, alive, ready = questions(container)
    assert started == alive == {"httpGet": {"path": "/healthz", "port": "http"}}
    assert ready == {"httpGet": {"path": "/readyz", "port": "http"}}


def test_code_that_does_not_import_gets_no_pod_of_the_edit_loop_killed(
    dev: list[Manifest],
) -> None:
    (container,) = pod(dev, "myapp")["containers"]
    started, alive, ready = questions(container)
    assert started == alive == {"tcpSocket": {"port": "http"}}
    assert ready == {"httpGet": {"path": "/readyz", "port": "http"}}


def test_the_edit_loop_writes_to_a_volume_that_the_image_filled(
    dev: list[Manifest],
) -> None:
    spec = pod(dev, "myapp")
    (program,) = spec["containers"]
    seed = next(c for c in spec["initContainers"] if c["name"] == "seed")
    volumes = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
    mounts = {mount["mountPath"]: mount["name"] for mount in program["volumeMounts"]}
    assert mounts["/app"] in volumes
    assert seed["volumeMounts"] == [{"name": mounts["/app"], "mountPath": "/seed"}]
    assert seed["image"] == program["image"]
    assert "command" not in program


def test_others_get_no_reloader_and_no_way_to_write(prod_like: list[Manifest]) -> None:
    spec = pod(prod_like, "myapp")
    (program,) = spec["containers"]
    assert "--reload" not in program["command"]
    assert [mount["mountPath"] for mount in program["volumeMounts"]] == ["/tmp"]
    assert one(prod_like, "Deployment", "myapp")["spec"]["replicas"] > 1


def test_syncd_may_do_this_and_no_more(dev: list[Manifest]) -> None:
    role = one(dev, "Role", "syncd")
    granted = {
        (group, resource, verb, *rule.get("resourceNames", []))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    reading = {"get", "list", "watch"}
    workloads = ("deployments", "replicasets", "statefulsets")
    assert granted == {
        *(("", "pods", verb) for verb in reading),
        ("", "pods/exec", "get"),
        ("", "pods/exec", "create"),
        ("", "pods/log", "get"),
        ("", "events", "list"),
        *(("apps", kind, verb) for kind in workloads for verb in reading),
        ("apps", "deployments", "patch", "myapp"),
    }
    binding = one(dev, "RoleBinding", "syncd")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "syncd", "namespace": "myapp"}
    ]


def test_nobody_may_exec_where_others_are_served(prod_like: list[Manifest]) -> None:
    assert not {m["kind"] for m in prod_like} & {"Role", "ClusterRole", "RoleBinding"}
