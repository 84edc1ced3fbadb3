"""Never on a cluster nobody meant: which contexts pass, and which a person must name.

A context passes by itself if it, or its cluster, bears the name that a local product
gives, *and* its server is on this machine or a private network. The name alone is not
enough: anybody can call a cluster `kind-x`, and a copied kubeconfig keeps its names.
The address alone is not enough either: a tunnel to production ends at 127.0.0.1.

Every other context has to stand in `allow_contexts`. A pattern may stand there too,
but not a bare `*`, which would allow clusters that do not exist yet.
"""

import fnmatch
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from syncd.errors import Halted


@dataclass(frozen=True, slots=True)
class Product:
    """Something that runs Kubernetes on a developer's machine.

    Attributes:
        names: What its contexts and clusters are called; the group is the instance.
        start: The command that starts it, for a hint; `{}` is the instance.
    """

    title: str
    names: re.Pattern[str]
    start: str


def _product(title: str, names: str, start: str) -> Product:
    return Product(title, re.compile(names), start)


PRODUCTS = (
    _product("k3d", r"k3d-(.+)", "k3d cluster start {}"),
    _product("kind", r"kind-(.+)", "docker start {}-control-plane"),
    _product("minikube", r"(minikube)(?:-.+)?", "minikube start"),
    _product("Docker Desktop", r"(docker-desktop|docker-for-desktop)(?:-cluster)?", ""),
    _product("Rancher Desktop", r"(rancher-desktop)", "rdctl start"),
    _product("OrbStack", r"(orbstack)", "orb start"),
    _product("Colima", r"colima(?:-(.+))?", "colima start {}"),
    _product("MicroK8s", r"(microk8s)(?:-cluster)?", "microk8s start"),
    _product("the embedded cluster", r"(syncd-loopback)", ""),
)

_HOST_NAMES = frozenset(
    {
        "localhost",
        "host.docker.internal",
        "kubernetes.docker.internal",
        "host.rancher-desktop.internal",
        "host.orb.internal",
        "host.k3d.internal",
    }
)
_HOST_SUFFIXES = (".localhost", ".orb.local")
_PRIVATE_NETWORKS = tuple(
    ip_network(written)
    for written in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


def product_of(*names: str) -> tuple[Product, str] | None:
    """Return the local product whose names one of `names` is, and the instance."""
    for name in names:
        for product in PRODUCTS:
            if found := product.names.fullmatch(name):
                return product, found.group(1) or ""
    return None


def is_local(server: str) -> bool:
    """Tell whether the address `server` is this machine or a private network.

    A bare host name counts: only a resolver on this machine or its containers' network
    gives it a meaning. A name with a domain does not, whatever it resolves to today.
    """
    host = (urlsplit(server).hostname or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return bool(host) and (
            "." not in host or host in _HOST_NAMES or host.endswith(_HOST_SUFFIXES)
        )
    return _is_near(address)


def _is_near(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return _is_near(address.ipv4_mapped)
    # Not `is_private`: that also covers addresses which are merely reserved.
    return (
        address.is_loopback
        or address.is_unspecified
        or any(address in network for network in _PRIVATE_NETWORKS)
    )


def check(
    context: str,
    cluster: str,
    server: str,
    allow_contexts: Sequence[str] = (),
    *,
    provider: str = "",
) -> None:
    """Return if syncd may work on this context.

    Args:
        context: Its name, as pinned at start.
        cluster: The name of its cluster in the kubeconfig.
        server: The address of its API.
        allow_contexts: Names, or patterns of them, that a person has written down.
        provider: Who made the cluster, if the kubeconfig says so.

    Raises:
        Halted: If it is not known to be local, and nobody has named it.
    """
    if _allowed(context, allow_contexts):
        return
    product = product_of(context, cluster, provider)
    if product and is_local(server):
        return
    if product:
        why = (
            f"is named like {product[0].title}, but its server {server} is neither"
            " on this machine nor in a private network"
        )
    else:
        why = f"is not known to be a local development cluster (server {server})"
    named = json.dumps([*allow_contexts, context], ensure_ascii=False)
    raise Halted(
        f'context "{context}" {why}; nothing was done',
        hint=f"if you mean it, put this line into syncd.toml: allow_contexts = {named}",
    )


def _allowed(context: str, allow_contexts: Collection[str]) -> bool:
    return any(
        context == pattern
        or (pattern.strip("*?") != "" and fnmatch.fnmatchcase(context, pattern))
        for pattern in allow_contexts
    )
