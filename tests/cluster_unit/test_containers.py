import pytest

from syncd.cluster.containers import choose_container
from syncd.errors import TargetError
from tests.cluster_unit.objects import Object, pod


@pytest.mark.parametrize(
    ("containers", "wanted", "annotation", "chosen"),
    [
        (("app",), None, None, "app"),
        (("app", "db"), "db", None, "db"),
        (("app", "db"), None, "db", "db"),
        (("app", "db"), "app", "db", "app"),
        (("app", "istio-proxy"), None, None, "app"),
        (("istio-proxy", "app"), None, "gone", "app"),
        (("istio-proxy",), None, None, "istio-proxy"),
    ],
)
def test_a_container_is_chosen(
    containers: tuple[str, ...],
    wanted: str | None,
    annotation: str | None,
    chosen: str,
) -> None:
    annotations = {"kubectl.kubernetes.io/default-container": annotation}

    found = pod("web-0", *containers, annotations=annotations)

    assert choose_container(found, wanted) == chosen


def test_several_containers_are_listed_with_the_line_to_add() -> None:
    with pytest.raises(TargetError, match="istio-proxy, a, b") as refused:
        choose_container(pod("web-0", "istio-proxy", "a", "b"), None)

    assert refused.value.hint == 'add container = "a" to the target'


def test_only_sidecars_are_listed_as_well() -> None:
    with pytest.raises(TargetError, match="istio-proxy, daprd"):
        choose_container(pod("web-0", "istio-proxy", "daprd"), None)


def special(**spec: list[Object]) -> Object:
    found = pod()
    found["spec"] |= spec
    return found


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (pod("web-0", "a", "b"), 'has no container "x"; it has: a, b'),
        (special(initContainers=[{"name": "x"}]), "is an init container"),
        (special(ephemeralContainers=[{"name": "x"}]), "is an ephemeral container"),
    ],
)
def test_a_container_that_cannot_be_synced_is_refused(of: Object, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        choose_container(of, "x")
