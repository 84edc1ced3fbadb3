"""A container's readiness probe, as its Pod's spec has it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a kubelet asks to know whether a container is ready.

    Attributes:
        kind: How it asks. Of "grpc", only the port is kept: syncd does not ask it.
        host: Whom; the Pod itself unless the spec says otherwise.
        port: Where; 0 for "exec", and for a name that no port of the container has.
        scheme: "HTTP" or "HTTPS"; "" unless `kind` is "http".
        argv: The command of "exec".
        timeout_s: How long one try may take.
    """

    kind: Literal["http", "tcp", "exec", "grpc"]
    host: str = ""
    port: int = 0
    scheme: str = ""
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    argv: tuple[str, ...] = ()
    timeout_s: float = 1.0

    def __str__(self) -> str:
        """Read as people would say it."""
        match self.kind:
            case "http":
                return f"GET {self.scheme.lower()}://:{self.port}{self.path}"
            case "exec":
                return " ".join(self.argv)
            case _:
                return f"{self.kind} :{self.port}"


def readiness(pod: Object, container: str) -> Probe | None:
    """Return the readiness probe of a container, None if it has none."""
    spec = next((c for c in _containers(pod) if c["name"] == container), {})
    probe = spec.get("readinessProbe") or {}
    timeout_s = float(probe.get("timeoutSeconds") or 1)
    own = (pod.get("status") or {}).get("podIP") or "127.0.0.1"
    if action := probe.get("httpGet"):
        return Probe(
            kind="http",
            host=action.get("host") or own,
            port=_port(action, spec),
            scheme=action.get("scheme") or "HTTP",
            path="/" + (action.get("path") or "").removeprefix("/"),
            headers=tuple(
                (header["name"], header.get("value") or "")
                for header in action.get("httpHeaders") or ()
            ),
            timeout_s=timeout_s,
        )
    if action := probe.get("tcpSocket"):
        host, port = action.get("host") or own, _port(action, spec)
        return Probe(kind="tcp", host=host, port=port, timeout_s=timeout_s)
    if action := probe.get("exec"):
        return Probe(
            kind="exec", argv=tuple(action.get("command") or ()), timeout_s=timeout_s
        )
    if action := probe.get("grpc"):
        return Probe(kind="grpc", port=action["port"], timeout_s=timeout_s)
    return None


def _containers(pod: Object) -> list[Object]:
    """Return a Pod's containers, with those of its sidecars that start before them."""
    spec = pod["spec"]
    return [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]


def _port(action: Object, container: Object) -> int:
    named = {port.get("name"): port for port in container.get("ports") or ()}
    port = action["port"]
    if isinstance(port, str) and not port.isdecimal():
        return int(named.get(port, {}).get("containerPort", 0))
    return int(port)
