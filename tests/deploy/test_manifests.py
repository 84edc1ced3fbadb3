"""What must hold of every manifest, whichever overlay it comes from."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.programs import ROOT
from tests.deploy.rendering import (
    OVERLAYS,
    Manifest,
    containers,
    copy_of_the_manifests,
    parse,
    pod_specs,
    render,
    renderer,
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if renderer() is None:
        pytest.skip("no kubectl 1.22 or newer on PATH, so no kustomize")
    return copy_of_the_manifests(tmp_path_factory.mktemp("manifests"))


@pytest.fixture(scope="module", params=OVERLAYS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def text(name: str, tree: Path) -> str:
    return render(tree / "overlays" / name)


@pytest.fixture
def manifests(text: str) -> list[Manifest]:
    return parse(text)


@pytest.fixture(scope="module")
def dev(tree: Path) -> list[Manifest]:
    return parse(render(tree / "overlays/dev"))


@pytest.fixture(scope="module")
def prod_like(tree: Path) -> list[Manifest]:
    return parse(render(tree / "overlays/prod-like"))


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and manifest["metadata"]["name"] == name
    ]
    return found


def pod(manifests: list[Manifest], name: str) -> Manifest:
    spec = dict(pod_specs(manifests))[name]["spec"]
    assert isinstance(spec, dict)
    return spec


def test_rendering_is_stable(tree: Path, name: str, text: str) -> None:
    assert render(tree / "overlays" / name) == text


def test_everything_is_in_the_one_namespace(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        metadata = manifest["metadata"]
        home = metadata["name" if manifest["kind"] == "Namespace" else "namespace"]
        assert home == "myapp"


def test_images_are_pinned_and_pulled_once(manifests: list[Manifest]) -> None:
    for name, container in containers(manifests):
        _, _, tag = container["image"].rpartition("/")[2].partition(":")
        assert tag not in {"", "latest"}, name
        assert container["imagePullPolicy"] == "IfNotPresent", name


def test_every_container_asks_for_what_it_needs_and_is_held_to_it(
    manifests: list[Manifest],
) -> None:
    for name, container in containers(manifests):
        for bound in ("requests", "limits"):
            assert container["resources"][bound].keys() == {"cpu", "memory"}, name


def test_no_container_has_a_privilege(manifests: list[Manifest]) -> None:
    for name, template in pod_specs(manifests):
        context = template["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert template["spec"]["automountServiceAccountToken"] is False, name
    for name, container in containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_the_namespace_enforces_the_same(manifests: list[Manifest]) -> None:
    labels = one(manifests, "Namespace", "myapp")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def test_selectors_and_labels_agree(manifests: list[Manifest]) -> None:
    labels = {
        name: template["metadata"]["labels"] for name, template in pod_specs(manifests)
    }
    for manifest in manifests:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if kind in {"Deployment", "StatefulSet"}:
            assert matches(manifest["spec"]["selector"]["matchLabels"], labels[name])
        if kind == "Service":
            assert matches(manifest["spec"]["selector"], labels[name])
        if kind == "NetworkPolicy":
            wanted = manifest["spec"]["podSelector"].get("matchLabels", {})
            assert any(matches(wanted, has) for has in labels.values()), name


def port_names(manifests: list[Manifest], workload: str) -> set[str]:
    return {
        port["name"]
        for container in pod(manifests, workload)["containers"]
        for port in container["ports"]
    }


def test_the_way_in_leads_to_a_port_that_exists(manifests: list[Manifest]) -> None:
    ingress = one(manifests, "Ingress", "myapp")["spec"]
    assert ingress["ingressClassName"] == "traefik"
    backend = ingress["rules"][0]["http"]["paths"][0]["backend"]["service"]
    for name in ("myapp", "postgres"):
        (port,) = one(manifests, "Service", name)["spec"]["ports"]
        assert port["targetPort"] in port_names(manifests, name)
        if name == backend["name"]:
            assert port["name"] == backend["port"]["name"]


def test_postgres_keeps_its_volume_and_is_found_by_its_name(
    manifests: list[Manifest],
) -> None:
    workload = one(manifests, "StatefulSet", "postgres")["spec"]
    service = one(manifests, "Service", workload["serviceName"])["spec"]
    assert service["clusterIP"] == "None"
    assert [
        claim["metadata"]["name"] for claim in workload["volumeClaimTemplates"]
    ] == ["data"]


def test_only_myapp_reaches_postgres(manifests: list[Manifest]) -> None:
    policies = {
        manifest["metadata"]["name"]: manifest["spec"]
        for manifest in manifests
        if manifest["kind"] == "NetworkPolicy"
        and "Ingress" in manifest["spec"]["policyTypes"]
    }
    assert policies.pop("default-deny-ingress") == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
    }
    into_postgres = [
        policy["ingress"]
        for policy in policies.values()
        if policy["podSelector"] == {"matchLabels": {"app": "postgres"}}
    ]
    assert into_postgres == [
        [
            {
                "from": [{"podSelector": {"matchLabels": {"app": "myapp"}}}],
                "ports": [{"port": "postgres"}],
            }
        ]
    ]


def test_the_ingress_controller_alone_reaches_myapp(manifests: list[Manifest]) -> None:
    policy = one(manifests, "NetworkPolicy", "ingress-to-myapp")["spec"]
    (rule,) = policy["ingress"]
    (peer,) = rule["from"]
    # One peer with both selectors: two peers would let all of kube-system in.
    assert peer.keys() == {"namespaceSelector", "podSelector"}
    assert rule["ports"] == [{"port": "http"}]


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
TIMING = {"periodSeconds", "timeoutSeconds", "failureThreshold"}


def questions(container: Manifest) -> list[Any]:
    """Return what each of the three probes asks, without how often it asks."""
    return [
        {key: value for key, value in container[probe].items() if key not in TIMING}
        for probe in PROBES
    ]


def test_the_three_probes_are_told_apart(manifests: list[Manifest]) -> None:
    for name in ("myapp", "postgres"):
        (container,) = pod(manifests, name)["containers"]
        started, alive, ready = questions(container)
        assert ready not in (started, alive), name
        startup, liveness, _ = (container[probe] for probe in PROBES)
        assert startup["failureThreshold"] * startup["periodSeconds"] >= 60, name
        assert startup["periodSeconds"] < liveness["periodSeconds"], name


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


def test_the_schema_is_there_before_the_program(manifests: list[Manifest]) -> None:
    spec = pod(manifests, "myapp")
    (migrate,) = [c for c in spec["initContainers"] if c["name"] == "migrate"]
    assert migrate["command"] == ["python3", "migrate.py"]
    assert migrate["image"] == spec["containers"][0]["image"]
    assert migrate["envFrom"] == spec["containers"][0]["envFrom"]


def test_what_a_container_refers_to_exists(manifests: list[Manifest]) -> None:
    names = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    for name, container in containers(manifests):
        for source in container.get("envFrom", []):
            (kind,) = source
            wanted = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind]
            assert (wanted, source[kind]["name"]) in names, name
        for variable in container.get("env", []):
            if reference := variable.get("valueFrom"):
                assert ("Secret", reference["secretKeyRef"]["name"]) in names, name


def test_the_password_is_in_the_secret_and_nowhere_else(text: str) -> None:
    secrets = [m for m in parse(text) if m["kind"] == "Secret"]
    assert [secret["data"].keys() for secret in secrets] == [{"PGPASSWORD"}]
    assert "not-a-secret" not in text  # it is base64 there
    assert text.count(secrets[0]["data"]["PGPASSWORD"]) == 1


def test_the_password_cannot_be_committed() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "--quiet", "deploy/k8s/base/postgres.env"],
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0


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


def test_each_overlay_marks_what_is_its_own(
    name: str, manifests: list[Manifest]
) -> None:
    for manifest in manifests:
        assert manifest["metadata"]["labels"]["overlay"] == name
    # On the Pods it would be a new template, and every switch a rollout of all.
    for _, template in pod_specs(manifests):
        assert "overlay" not in template["metadata"]["labels"]


def test_every_choice_says_why() -> None:
    for path in (ROOT / "deploy").rglob("*.yaml"):
        assert "#" in path.read_text() or path.name == "namespace.yaml", path


def test_the_cluster_and_the_commands_use_the_same_names() -> None:
    cluster = yaml.safe_load((ROOT / "deploy/k3d.yaml").read_text())
    up = (ROOT / "deploy/up").read_text()
    registry = cluster["registries"]["create"]
    assert (cluster["apiVersion"], cluster["kind"]) == ("k3d.io/v1alpha5", "Simple")
    assert f"CLUSTER={cluster['metadata']['name']}\n" in up
    assert f"PULL={registry['name']}:{registry['hostPort']}/myapp" in up
    assert f"PUSH=localhost:{registry['hostPort']}/myapp" in up
    assert cluster["ports"][0]["port"].endswith(":8080:80")
    assert "http://myapp.localhost:8080" in up


def requirement_bounds(lines: list[str]) -> dict[str, str]:
    """Return each requirement's lower bound by its name and extras."""
    found = (re.match(r"([a-z\[\]-]+)>=([0-9.]+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_the_image_holds_what_is_tested_here() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = (ROOT / "deploy/myapp/requirements.txt").read_text().splitlines()
    wanted = requirement_bounds(lines)
    assert wanted
    assert wanted == requirement_bounds(project["dependency-groups"]["demo"])
    # An upper bound each: the next major version comes by a commit.
    assert all(",<" in line for line in lines if not line.startswith("#"))


def test_the_dockerfile_builds_with_any_builder_on_any_base() -> None:
    lines = (ROOT / "Dockerfile.dev").read_text().splitlines()
    code = [line for line in lines if line and not line.startswith("#")]
    assert code[:2] == ["ARG BASE=python:3.12-slim", "FROM ${BASE}"]
    assert not [line for line in code if "--mount" in line or "<<" in line]
    dependencies = code.index(
        "COPY deploy/myapp/requirements.txt /tmp/requirements.txt"
    )
    assert dependencies < code.index("COPY --chown=10001:10001 deploy/myapp /app")
    assert "USER 10001:10001" in code
