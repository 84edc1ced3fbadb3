"""The rules that objects must obey, and what the server says of those that do not."""

import copy
from typing import Any

import pytest

from syncd.loopback.apierror import ApiError
from syncd.loopback.catalog import catalog
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.defaults import with_defaults
from syncd.loopback.objects.validation import validate
from tests.loopback.manifests import (
    binding,
    config,
    deployment,
    namespace,
    pod,
    workload,
)


SERVED = catalog(Dialect.V1_36)
Obj = dict[str, Any]


def refusal(obj: Obj, before: Obj | None = None) -> ApiError:
    resource = SERVED.of_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    with pytest.raises(ApiError) as refused:
        validate(resource, obj, before, Dialect.V1_36)
    assert refused.value.code == 422
    return refused.value


def causes(error: ApiError) -> dict[str, str]:
    """What is wrong, by field."""
    assert error.details is not None
    return {cause["field"]: cause["message"] for cause in error.details["causes"]}


def changed(obj: Obj, **spec: Any) -> tuple[Obj, Obj]:
    before = with_defaults(copy.deepcopy(obj))
    return {**before, "spec": {**before["spec"], **spec}}, before


def service(**spec: Any) -> Obj:
    head = {"kind": "Service", "apiVersion": "v1"}
    return {**head, "metadata": {"name": "web"}, "spec": spec}


@pytest.mark.parametrize(
    "obj",
    [
        pod(),
        deployment(),
        workload("StatefulSet"),
        config(),
        namespace("app"),
        binding("system:basic", "bob"),
        service(ports=[{"port": 80}]),
        service(clusterIP="None"),
    ],
    ids=lambda obj: str(obj["kind"]),
)
def test_what_is_right_is_left_alone(obj: Obj) -> None:
    resource = SERVED.of_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None

    validate(resource, obj, None, Dialect.V1_36)


@pytest.mark.parametrize(
    ("obj", "rule"),
    [
        (config("Upper"), "a lowercase RFC 1123 subdomain"),
        (config("x" * 254), "must be no more than 253 characters"),
        (namespace("a.b"), "a lowercase RFC 1123 label"),
        (service(ports=[]) | {"metadata": {"name": "1st"}}, "a DNS-1035 label"),
        (config(""), "name or generateName is required"),
    ],
    ids=["upper case", "too long", "dotted namespace", "service", "none"],
)
def test_a_name_must_be_one(obj: Obj, rule: str) -> None:
    assert rule in causes(refusal(obj))["metadata.name"]


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        ({"a": "x" * 64}, "must be no more than 63 characters"),
        ({"a": "-x"}, "a valid label must be an empty string or consist of"),
        ({"a b": "x"}, "name part must consist of alphanumeric characters"),
    ],
    ids=["too long", "dash", "blank in the key"],
)
def test_labels_must_be_short_and_plain(labels: dict[str, str], rule: str) -> None:
    obj = config()
    obj["metadata"]["labels"] = labels

    assert rule in causes(refusal(obj))["metadata.labels"]


def test_every_fault_of_a_pod_is_named_at_once() -> None:
    obj = pod()
    obj["spec"]["containers"] = [
        {"name": "a"},
        {"name": "a", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        {"name": "B_", "image": "x"},
        {"image": "x"},
    ]

    assert causes(refusal(obj)) == {
        "spec.containers[0].image": "Required value",
        "spec.containers[1].name": 'Duplicate value: "a"',
        "spec.containers[1].volumeMounts[0].name": 'Not found: "v"',
        "spec.containers[2].name": causes(refusal(obj))["spec.containers[2].name"],
        "spec.containers[3].name": "Required value",
    }


def test_a_pod_needs_containers() -> None:
    obj = pod()
    obj["spec"]["containers"] = []
    error = refusal(obj)

    assert error.message == 'Pod "box" is invalid: spec.containers: Required value'


def test_a_workload_needs_a_selector_and_no_negative_number() -> None:
    obj = deployment(replicas=-1)
    del obj["spec"]["selector"]

    assert causes(refusal(obj)) == {
        "spec.replicas": "Invalid value: -1: must be greater than or equal to 0",
        "spec.selector": "Required value",
    }


def test_ports_of_a_service_are_told_apart() -> None:
    assert causes(refusal(service())) == {"spec.ports": "Required value"}
    assert causes(refusal(service(ports=[{"port": 1}, {"port": 2, "name": "b"}]))) == {
        "spec.ports[0].name": "Required value"
    }


def test_a_binding_needs_a_role_and_keeps_it() -> None:
    bound = binding("b", "bob")
    nameless = {**bound, "roleRef": {"kind": "Role"}}
    other = {**bound, "roleRef": {"kind": "Role", "name": "other"}}

    assert causes(refusal(nameless)) == {"roleRef.name": "Required value"}
    assert "cannot change roleRef" in causes(refusal(other, bound))["roleRef"]


def test_only_the_image_of_a_pod_may_change() -> None:
    (container,) = with_defaults(pod())["spec"]["containers"]
    resource = SERVED.named("pods")
    image, before = changed(pod(), containers=[{**container, "image": "other:1"}])
    validate(resource, image, before, Dialect.V1_36)

    frozen = refusal(*changed(pod(), hostname="other"))
    assert "pod updates may not change fields other than" in causes(frozen)["spec"]
    fewer = refusal(*changed(pod(), containers=[{**container, "name": "other"}]))
    assert causes(fewer) == {
        "spec.containers": "Forbidden: pod updates may not add or remove containers"
    }


def test_a_selector_is_for_life() -> None:
    obj = deployment()
    wider = {"matchExpressions": [{"key": "app", "operator": "Exists"}]}
    error = refusal(*changed(obj, selector=wider))

    assert "field is immutable" in causes(error)["spec.selector"]


def test_a_stateful_set_keeps_its_service() -> None:
    error = refusal(*changed(workload("StatefulSet"), serviceName="other"))

    assert "updates to statefulset spec for fields other than" in error.message


def test_several_causes_are_listed_in_brackets() -> None:
    obj = config("Upper")
    obj["metadata"]["labels"] = {"a": "-"}

    assert refusal(obj).message.startswith('ConfigMap "Upper" is invalid: [metadata.')
