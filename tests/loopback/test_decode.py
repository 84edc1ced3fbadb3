from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.loopback.apierror import ApiError
from syncd.loopback.catalog import catalog
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.decode import decode
from syncd.loopback.objects.defaults import share, with_defaults
from syncd.loopback.objects.schema import struct
from tests.loopback.manifests import deployment, pod


SERVED = catalog(Dialect.V1_36)
PODS = SERVED.named("pods")
DEPLOYMENTS = SERVED.named("deployments")


def test_unknown_fields_are_named_by_their_path_and_dropped() -> None:
    body = deployment(nosuch=1)
    body["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    obj, unknown = decode(DEPLOYMENTS, body)

    assert unknown == ["spec.template.spec.containers[0].imag", "spec.nosuch"]
    assert "nosuch" not in obj["spec"]


def test_nulls_and_empty_lists_go_but_empty_structs_stay() -> None:
    body = pod()
    body["metadata"] |= {"labels": None, "annotations": {}}
    body["spec"] |= {"securityContext": {}, "tolerations": [], "hostname": None}
    obj, _ = decode(PODS, body)

    assert obj["metadata"] == {"name": "box"}
    assert obj["spec"]["securityContext"] == {}
    assert not {"tolerations", "hostname"} & obj["spec"].keys()


def test_a_quantity_may_be_written_as_a_number() -> None:
    body = pod()
    body["spec"]["containers"][0]["resources"] = {"limits": {"cpu": 1}}
    obj, _ = decode(PODS, body)

    assert obj["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"replicas": "two"},
            "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas",
        ),
        ({"replicas": True}, "cannot unmarshal bool"),
        ({"paused": 1}, "cannot unmarshal number"),
        ({"template": []}, "cannot unmarshal array"),
        ({"selector": {"matchLabels": {"a": {}}}}, "cannot unmarshal object"),
    ],
    ids=str,
)
def test_a_field_of_the_wrong_type_is_a_bad_request(
    spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApiError) as refused:
        decode(DEPLOYMENTS, {"spec": spec})

    assert refused.value.code == 400
    assert message in refused.value.message


@pytest.mark.parametrize("dialect", Dialect, ids=str)
def test_every_served_kind_is_described(dialect: Dialect) -> None:
    for resource in catalog(dialect):
        fields = struct(resource.model).fields

        assert "metadata" in fields, resource.kind


def test_required_fields_and_merge_keys_are_known() -> None:
    assert "selector" in struct("V1DeploymentSpec").required
    assert struct("V1PodSpec").fields["containers"].merge_key == "name"
    assert struct("V1DeploymentStatus").fields["conditions"].keys == ("type",)


@pytest.mark.parametrize(
    "obj",
    [pod(), deployment(), deployment(strategy={"type": "Recreate"})],
    ids=["Pod", "Deployment", "Recreate"],
)
def test_defaults_are_filled_in_once(obj: dict[str, Any]) -> None:
    filled = with_defaults(obj)

    assert with_defaults(filled) == filled


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("host:5000/web", "Always"),
        ("host:5000/web:1", "IfNotPresent"),
        ("web@sha256:00", "IfNotPresent"),
    ],
)
def test_a_floating_tag_is_always_pulled(image: str, policy: str) -> None:
    (container,) = with_defaults(pod(image=image))["spec"]["containers"]

    assert container["imagePullPolicy"] == policy


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_share_is_rounded_towards_caution(percent: int, replicas: int) -> None:
    up = share(f"{percent}%", replicas, round_up=True)
    down = share(f"{percent}%", replicas, round_up=False)

    assert 0 <= up - down <= 1
    assert down * 100 <= percent * replicas <= up * 100
