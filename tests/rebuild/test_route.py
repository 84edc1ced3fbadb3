from pathlib import Path
from typing import Any

import pytest

from syncd.config import Rebuild
from syncd.rebuild.builders import BUILDERS
from syncd.rebuild.failure import CannotDeliver
from syncd.rebuild.route import Hosting, Route, choose, loads


K3D = Hosting("localhost:5000", "k3d-registry.localhost:5000")
KIND = Hosting("localhost:5001", "localhost:5001")


def test_what_a_cluster_says_of_its_registry() -> None:
    said = "host: localhost:5000\nhostFromContainerRuntime: registry:5000\nhelp: x\n"

    assert Hosting.of({"data": {"localRegistryHosting.v1": said}}) == (
        Hosting("localhost:5000", "registry:5000")
    )
    assert Hosting.of({"data": {"localRegistryHosting.v1": "host: a:1"}}) == (
        Hosting("a:1", "a:1")
    )


@pytest.mark.parametrize(
    "config_map",
    [
        {},
        {"data": None},
        {"data": {"localRegistryHosting.v2": "host: a"}},
        {"data": {"localRegistryHosting.v1": "help: x"}},
        {"data": {"localRegistryHosting.v1": "host: [a]"}},
        {"data": {"localRegistryHosting.v1": "- a"}},
        {"data": {"localRegistryHosting.v1": "{"}},
    ],
)
def test_a_cluster_that_says_nothing_of_a_registry(config_map: dict[str, Any]) -> None:
    assert Hosting.of(config_map) is None


@pytest.mark.parametrize(
    ("settings", "image", "context", "hosting", "route"),
    [
        pytest.param(
            {},
            "k3d-registry.localhost:5000/myapp:dev",
            "k3d-dev",
            K3D,
            Route("k3d-registry.localhost:5000/myapp", "localhost:5000/myapp", "push"),
            id="the cluster names its registry",
        ),
        pytest.param(
            {},
            "ghcr.io/team/myapp:1",
            "kind-kind",
            KIND,
            Route("localhost:5001/team/myapp", "localhost:5001/team/myapp", "push"),
            id="an image from far away goes to the cluster's registry",
        ),
        pytest.param(
            {},
            "k3d-registry.localhost:5000/myapp:dev",
            "k3d-dev",
            None,
            Route("k3d-registry.localhost:5000/myapp", "localhost:5000/myapp", "push"),
            id="k3d's name for its registry",
        ),
        pytest.param(
            {},
            "localhost:5001/myapp",
            "kind-kind",
            None,
            Route("localhost:5001/myapp", "localhost:5001/myapp", "push"),
            id="kind's name for its registry",
        ),
        pytest.param(
            {"registry": "127.0.0.1:6000"},
            "registry:5000/myapp",
            "other",
            None,
            Route("registry:5000/myapp", "127.0.0.1:6000/myapp", "push"),
            id="a registry that the settings name",
        ),
        pytest.param(
            {"registry": "localhost:6000"},
            "myapp:dev",
            "other",
            K3D,
            Route("localhost:6000/myapp", "localhost:6000/myapp", "push"),
            id="a registry that the settings name outranks the cluster's",
        ),
        pytest.param(
            {"image": "ghcr.io/me/dev/myapp"},
            "ghcr.io/team/myapp:1",
            "other",
            None,
            Route("ghcr.io/me/dev/myapp", "ghcr.io/me/dev/myapp", "push"),
            id="an image that the settings name",
        ),
        pytest.param(
            {"image": "k3d-registry.localhost:5000/other"},
            "myapp",
            "k3d-dev",
            Hosting("localhost:7000", "k3d-registry.localhost:5000"),
            Route("k3d-registry.localhost:5000/other", "localhost:7000/other", "push"),
            id="an image of the settings in the cluster's registry",
        ),
        pytest.param(
            {"image": "other"},
            "myapp",
            "k3d-dev",
            K3D,
            Route("k3d-registry.localhost:5000/other", "localhost:5000/other", "push"),
            id="a bare name in the settings is for the cluster's registry",
        ),
        pytest.param(
            {},
            "myapp:dev",
            "k3d-dev",
            None,
            Route("myapp", "myapp", "k3d", "dev"),
            id="k3d without a registry",
        ),
        pytest.param(
            {},
            "ghcr.io/team/myapp:1",
            "kind-two",
            None,
            Route("ghcr.io/team/myapp", "ghcr.io/team/myapp", "kind", "two"),
            id="kind without a registry",
        ),
        pytest.param(
            {},
            "myapp",
            "minikube",
            None,
            Route("myapp", "myapp", "minikube", "minikube"),
            id="minikube",
        ),
        pytest.param(
            {},
            "myapp",
            "docker-desktop",
            None,
            Route("myapp", "myapp", "none"),
            id="nodes that share the builder's images",
        ),
        pytest.param(
            {"deliver": "kind"},
            "localhost:5001/myapp",
            "kind-a",
            KIND,
            Route("localhost:5001/myapp", "localhost:5001/myapp", "kind", "a"),
            id="a way that the settings name",
        ),
        pytest.param(
            {"deliver": "minikube"},
            "myapp",
            "profile",
            None,
            Route("myapp", "myapp", "minikube", "profile"),
            id="minikube of another name",
        ),
        pytest.param(
            {"deliver": "nerdctl"},
            "myapp",
            "x",
            None,
            Route("myapp", "myapp", "nerdctl"),
            id="nerdctl",
        ),
        pytest.param(
            {"deliver": "none"},
            "ghcr.io/a",
            "x",
            None,
            Route("ghcr.io/a", "ghcr.io/a", "none"),
            id="no way at all",
        ),
    ],
)
def test_the_way_of_an_image(
    settings: dict[str, Any],
    image: str,
    context: str,
    hosting: Hosting | None,
    route: Route,
) -> None:
    assert choose(Rebuild(**settings), image, context, hosting) == route


def test_nothing_is_pushed_far_away_unless_a_person_says_so() -> None:
    with pytest.raises(CannotDeliver) as caught:
        choose(Rebuild(), "ghcr.io/team/myapp:1", "staging", None)

    assert "ghcr.io/team/myapp:1, is not in one on this machine" in str(caught.value)
    assert 'image = "HOST/NAME"' in caught.value.hint


def test_a_push_needs_a_registry() -> None:
    with pytest.raises(CannotDeliver, match="myapp names no registry"):
        choose(Rebuild(deliver="push"), "myapp:dev", "k3d-dev", None)


def test_a_route_says_what_was_done() -> None:
    push = Route("registry:5000/a", "localhost:5000/a", "push")

    assert str(push) == "pushed to localhost:5000"
    assert push.registry == "localhost:5000"
    assert str(Route("a", "a", "kind", "x")) == "loaded by kind"
    assert str(Route("a", "a", "none")) == "left with the builder"
    assert Route("localhost/a", "localhost/a", "none").registry == ""


@pytest.mark.parametrize(
    ("way", "builder", "commands"),
    [
        ("k3d", "docker", ["k3d image import r -c x"]),
        (
            "k3d",
            "podman",
            ["podman save -o /t/i r", "k3d image import /t/i -c x"],
        ),
        ("kind", "buildx", ["kind load docker-image r --name x"]),
        (
            "kind",
            "buildah",
            [
                "buildah push r docker-archive:/t/i:r",
                "kind load image-archive /t/i --name x",
            ],
        ),
        ("minikube", "docker", ["minikube image load r -p x"]),
        (
            "nerdctl",
            "docker",
            ["docker save -o /t/i r", "nerdctl -n k8s.io load -i /t/i"],
        ),
        ("none", "docker", []),
        ("push", "docker", []),
    ],
)
def test_how_an_image_is_loaded(way: Any, builder: str, commands: list[str]) -> None:
    found = loads(Route("a", "a", way, "x"), BUILDERS[builder], "r", Path("/t/i"))

    assert [" ".join(argv) for argv in found] == commands
