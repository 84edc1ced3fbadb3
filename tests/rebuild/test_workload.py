import json

import pytest

from syncd.cluster import TargetSpec
from syncd.errors import TargetError
from syncd.rebuild.identity import Identity
from syncd.rebuild.workload import Workload, digest_of, is_built_from
from tests.rebuild.objects import NEW, OLD, deployment


SPEC = TargetSpec("shop", "deployment", name="web")
ONE = Identity({"requirements.txt": ("a",)})
TWO = Identity({"requirements.txt": ("b",)})


def test_what_a_deployment_says_of_its_image() -> None:
    images = {"app.syncd/images": json.dumps({ONE.digest: OLD})}

    found = Workload.of(SPEC, deployment(annotations=images, policy="Always"))

    assert (found.container, found.field) == ("app", "containers")
    assert (found.image, found.pull_policy) == (OLD, "Always")
    assert found.known == {ONE.digest: OLD}
    assert found.path == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert found.manager == "syncd-app"


@pytest.mark.parametrize("written", ["{", "[]", '{"a": 1}', "null"])
def test_an_annotation_that_makes_no_sense_says_nothing(written: str) -> None:
    document = deployment(annotations={"app.syncd/images": written})

    assert Workload.of(SPEC, document).known == {}


def test_a_workload_with_several_containers_must_be_told_which() -> None:
    document = deployment()
    document["spec"]["template"]["spec"]["containers"].append(
        {"name": "web", "image": "w:1"}
    )

    with pytest.raises(TargetError, match="has 2 containers"):
        Workload.of(SPEC, document)
    named = TargetSpec("shop", "deployment", name="web", container="web")
    assert Workload.of(named, document).image == "w:1"


def test_a_sidecar_among_the_init_containers_is_found() -> None:
    document = deployment()
    sidecar = {"name": "proxy", "image": "p:1", "restartPolicy": "Always"}
    document["spec"]["template"]["spec"]["initContainers"] = [sidecar]
    named = TargetSpec("shop", "deployment", name="web", container="proxy")

    found = Workload.of(named, document)

    assert found.field == "initContainers"
    assert found.patch(NEW, "d", {})["spec"]["template"]["spec"] == {
        "initContainers": [{"name": "proxy", "image": NEW}]
    }


def test_the_patch_names_the_image_and_what_it_was_built_from_and_no_more() -> None:
    workload = Workload.of(SPEC, deployment())

    assert workload.patch(NEW, ONE.digest, {TWO.digest: OLD}) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "labels": {"app.syncd/inputs": ONE.digest[:12]},
            "annotations": {
                "app.syncd/inputs": ONE.digest,
                "app.syncd/images": json.dumps({TWO.digest: OLD, ONE.digest: NEW}),
            },
        },
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": NEW}]}}},
    }


def test_the_patch_of_a_statefulset_is_for_a_statefulset() -> None:
    spec = TargetSpec("shop", "statefulset", name="web")
    workload = Workload.of(spec, deployment())

    assert workload.patch(NEW, "d", {})["kind"] == "StatefulSet"
    assert workload.collection.endswith("/statefulsets")


def test_only_the_last_images_are_kept_on_the_workload() -> None:
    known = {str(number): OLD for number in range(20)}

    patch = Workload.of(SPEC, deployment()).patch(NEW, "3", known)

    kept = json.loads(patch["metadata"]["annotations"]["app.syncd/images"])
    assert list(kept) == [*map(str, range(11, 20)), "3"]


@pytest.mark.parametrize(
    ("image", "known", "expected"),
    [
        pytest.param(OLD, {}, None, id="nobody knows"),
        pytest.param(OLD, {ONE.digest: OLD}, True, id="it is written down"),
        pytest.param(OLD, {TWO.digest: OLD}, False, id="from other inputs"),
        pytest.param(f"r/web:{ONE.tag}", {}, True, id="its tag says so"),
        pytest.param(f"r/web:{TWO.tag}", {}, False, id="its tag says otherwise"),
        pytest.param(OLD, {TWO.digest: NEW}, None, id="of another image it is known"),
        pytest.param(
            OLD, {TWO.digest: OLD, ONE.digest: OLD}, True, id="from both: a moved tag"
        ),
    ],
)
def test_what_an_image_was_built_from(
    image: str, known: dict[str, str], *, expected: bool | None
) -> None:
    assert is_built_from(image, ONE, known) is expected


def test_the_digest_of_an_image_is_the_one_that_is_written_down() -> None:
    assert digest_of(OLD, {ONE.digest: OLD}) == ONE.digest
    assert digest_of(NEW, {ONE.digest: OLD}) == ""
