"""How an image gets from the builder to the nodes. Pure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import yaml

from syncd.config import Rebuild
from syncd.rebuild.builders import Builder
from syncd.rebuild.failure import CannotDeliver
from syncd.rebuild.reference import Reference, is_this_machine


Way = Literal["push", "k3d", "kind", "minikube", "nerdctl", "none"]

# By what a context is called, and whether its nodes see the images of the builder.
_LOADERS: tuple[tuple[str, Way], ...] = (("k3d-", "k3d"), ("kind-", "kind"))
_SHARING = ("docker-desktop", "orbstack", "colima", "rancher-desktop")


@dataclass(frozen=True, slots=True)
class Hosting:
    """What a cluster says of its registry (KEP-1755).

    Attributes:
        outside: Its address for this machine.
        inside: Its address for the nodes.
    """

    outside: str
    inside: str

    @classmethod
    def of(cls, config_map: dict[str, Any]) -> Self | None:
        """Return what the ConfigMap `local-registry-hosting` says, if it does."""
        written = (config_map.get("data") or {}).get("localRegistryHosting.v1") or ""
        try:
            said = yaml.safe_load(written)
        except yaml.YAMLError:
            return None
        host = said.get("host") if isinstance(said, dict) else None
        if not isinstance(host, str) or not host:
            return None
        inside = said.get("hostFromContainerRuntime")
        return cls(host, inside if isinstance(inside, str) and inside else host)


@dataclass(frozen=True, slots=True)
class Route:
    """The way of an image.

    Attributes:
        inside: The repository, as the nodes call it.
        outside: The repository, as the builder and this machine call it.
        way: How it gets there.
        cluster: What the loading tool calls the cluster.
    """

    inside: str
    outside: str
    way: Way
    cluster: str = ""

    @property
    def registry(self) -> str:
        """The registry's address for this machine; "" if none is involved."""
        return Reference.parse(self.outside).host if self.way == "push" else ""

    def __str__(self) -> str:
        """Read as what was done: `pushed to localhost:5000`."""
        match self.way:
            case "push":
                return f"pushed to {self.registry}"
            case "none":
                return "left with the builder"
            case tool:
                return f"loaded by {tool}"


def choose(
    settings: Rebuild, image: str, context: str, hosting: Hosting | None
) -> Route:
    """Return the way of the images that take the place of `image`.

    Args:
        settings: What a person says of it.
        image: The image that the workload names.
        context: The kubeconfig context.
        hosting: The cluster's own registry, if it names one.

    Raises:
        CannotDeliver: If no way is known.
    """
    repository = Reference.parse(settings.image or image)
    way, cluster = _loader(settings.deliver, context)
    if way == "push" and (pushed := _pushed(settings, repository, hosting)):
        return pushed
    if settings.deliver == "push":
        raise CannotDeliver(
            f"{repository.repository} names no registry, and the cluster names none",
            hint='set image = "HOST/NAME" in [target.rebuild]',
        )
    if way == "push":
        way, cluster = _by_context(context)
    if way == "push":
        raise CannotDeliver(
            f"the cluster of {context} names no registry of its own, and the image of"
            f" the workload, {image}, is not in one on this machine",
            hint="name the registry to push to in [target.rebuild], as"
            ' image = "HOST/NAME", or set `deliver`',
        )
    return Route(repository.repository, repository.repository, way, cluster)


def _pushed(
    settings: Rebuild, repository: Reference, hosting: Hosting | None
) -> Route | None:
    """Return the way through a registry that is meant, if there is one."""
    named = settings.image and repository.host
    if hosting and not settings.registry and not named:
        path = repository.path
        return Route(f"{hosting.inside}/{path}", f"{hosting.outside}/{path}", "push")
    outside = settings.registry or _outside(repository.host, hosting)
    # A registry far away is pushed to only where a person has named it.
    if not outside or not (
        settings.registry or settings.image or is_this_machine(repository.host)
    ):
        return None
    inside = repository.host or outside
    path = repository.path
    return Route(f"{inside}/{path}", f"{outside}/{path}", "push")


def _outside(inside: str, hosting: Hosting | None) -> str:
    if hosting and inside == hosting.inside:
        return hosting.outside
    name, colon, port = inside.rpartition(":")
    # k3d's k3d-NAME.localhost: browsers resolve it, the C library need not.
    return f"localhost:{port}" if colon and name.endswith(".localhost") else inside


def as_seen_here(image: str, settings: Rebuild, hosting: Hosting | None) -> str:
    """Return what this machine calls an image that the nodes call `image`; "" if none.

    An image without a registry in its name may be anywhere.
    """
    host = Reference.parse(image).host
    if not host:
        return ""
    named = Reference.parse(settings.image).host if settings.image else host
    outside = settings.registry if settings.registry and host == named else None
    return f"{outside or _outside(host, hosting)}{image.removeprefix(host)}"


def _loader(deliver: str, context: str) -> tuple[Way, str]:
    match deliver:
        case "k3d" | "kind":
            return deliver, context.removeprefix(f"{deliver}-")
        case "minikube":
            return deliver, context
        case "nerdctl" | "none":
            return deliver, ""
        case _:
            return "push", ""


def _by_context(context: str) -> tuple[Way, str]:
    for prefix, way in _LOADERS:
        if context.startswith(prefix):
            return way, context.removeprefix(prefix)
    if context == "minikube":
        return "minikube", context
    if context.startswith(_SHARING):
        return "none", ""
    return "push", ""


def built_as(way: Route, builder: Builder | None, tag: str) -> str:
    """Return what the builder is to call an image with this tag."""
    name = Reference.parse(way.outside)
    qualified = way.outside
    if builder and builder.program in {"podman", "buildah"} and not name.host:
        # They call it localhost/NAME, which the nodes would take for a registry.
        library = "" if "/" in name.path else "library/"
        qualified = f"docker.io/{library}{name.path}"
    return f"{qualified}:{tag}"


def loads(
    route: Route, builder: Builder, reference: str, archive: Path
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that load an image into the nodes, in order.

    Args:
        route: Its way.
        builder: Who has it now.
        reference: Its name there.
        archive: A file that does not exist yet, for those who load from one.
    """
    by_name = builder.is_docker and route.way != "nerdctl"
    image = reference if by_name else str(archive)
    load: tuple[str, ...]
    match route.way:
        case "k3d":
            load = ("k3d", "image", "import", image, "-c", route.cluster)
        case "kind":
            kind = "docker-image" if by_name else "image-archive"
            load = ("kind", "load", kind, image, "--name", route.cluster)
        case "minikube":
            load = ("minikube", "image", "load", image, "-p", route.cluster)
        case "nerdctl":
            load = ("nerdctl", "-n", "k8s.io", "load", "-i", image)
        case _:
            return ()
    return (load,) if by_name else (builder.save(reference, archive), load)
