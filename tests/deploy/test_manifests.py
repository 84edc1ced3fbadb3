"""What must hold of every manifest, whichever overlay it comes from."""

import subprocess
from pathlib import Path

from tests.deploy.programs import ROOT
from tests.deploy.rendering import (
    PROBES,
    Manifest,
    containers,
    one,
    parse,
    pod,
    pod_specs,
    questions,
    render,
)


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


def test_the_three_probes_are_told_apart(manifests: list[Manifest]) -> None:
    for name in ("myapp", "postgres"):
        (container,) = pod(manifests, name)["containers"]
        started, alive, ready = questions(container)
        assert ready not in (started, alive), name
        startup, liveness, _ = (container[probe] for probe in PROBES)
        assert startup["failureThreshold"] * startup["periodSeconds"] >= 60, name
        assert startup["periodSeconds"] < liveness["periodSeconds"], name


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
