"""Which cluster, as whom: the kubeconfig read and merged as `kubectl` does.

The library that later turns a user into credentials can read these files as well, but
not by kubectl's rules: of several files that set `current-context` it takes the last,
kubectl the first. The wrong one would be the wrong cluster.

Reading is blocking, and is to be called in a worker thread.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from syncd.errors import ConfigError


IN_CLUSTER = "in-cluster"
"""The name of the context that stands for the account of the Pod we run in."""

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATHS = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}


@dataclass(frozen=True, slots=True)
class Context:
    """One context of a kubeconfig, complete; paths in it are absolute.

    Attributes:
        namespace: The context's own, else "default".
        cluster: The kubeconfig's section, without what is null or empty.
        user: Likewise. It holds secrets: it is never printed.
        source: The files that it came from.
    """

    name: str
    cluster_name: str
    user_name: str
    namespace: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    source: str

    @property
    def server(self) -> str:
        """The address of the API, without a slash at its end."""
        return str(self.cluster["server"]).rstrip("/")

    @property
    def provider(self) -> str:
        """Who made the cluster, if an extension of the kubeconfig says so."""
        for named in _sections(self.cluster.get("extensions")):
            extension = named.get("extension")
            provider = extension.get("provider") if isinstance(extension, dict) else ""
            if provider == "minikube.sigs.k8s.io":
                return "minikube"
        return ""

    def __repr__(self) -> str:
        """Name it, and keep its secrets."""
        return f"Context({self.name!r}, {self.server!r})"


def load(
    kubeconfig: Path | None = None,
    context: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Context:
    """Return the context to use: the one named, else the current one.

    Without any kubeconfig that is the service account of the Pod that we run in.

    Raises:
        ConfigError: If there is none, or it makes no sense.
    """
    looked_at = paths(kubeconfig, environ)
    found = [path for path in looked_at if _is_there(path)]
    if found:
        return pick(merge((path, _read(path)) for path in found), context, found)
    inside = in_cluster(environ)
    if inside and kubeconfig is None and context in {None, IN_CLUSTER}:
        return inside
    tried = ", ".join(map(str, looked_at)) or "nothing"
    raise ConfigError(
        f"no kubeconfig found: looked at {tried}",
        hint="name it with --kubeconfig or KUBECONFIG, or try without any cluster:"
        " syncd demo",
    )


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True  # in a folder that is closed to us: reading it will say so


def paths(kubeconfig: Path | None, environ: Mapping[str, str]) -> list[Path]:
    """Return the files that are read, in the order in which they win."""
    if kubeconfig is not None:
        return [_expanded(kubeconfig)]
    listed = environ.get("KUBECONFIG", "")
    if written := [part for part in listed.split(os.pathsep) if part]:
        return [_expanded(part) for part in dict.fromkeys(written)]
    return [Path(environ.get("HOME") or _expanded("~")) / ".kube" / "config"]


def _expanded(path: str | Path) -> Path:
    # Unlike Path.expanduser(), this leaves alone what it does not know.
    return Path(os.path.expanduser(path))  # noqa: PTH111  # see above


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as exc:
        raise ConfigError(f"cannot read the kubeconfig {path}: {exc.strerror}") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"the kubeconfig {path} is not YAML{line}") from exc
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a kubeconfig: it holds no sections")
    return content


@dataclass(frozen=True, slots=True)
class Merged:
    """Several kubeconfigs as one: sections by name."""

    current: str
    clusters: Mapping[str, Mapping[str, Any]]
    users: Mapping[str, Mapping[str, Any]]
    contexts: Mapping[str, Mapping[str, Any]]


def merge(files: Iterable[tuple[Path, Mapping[str, Any]]]) -> Merged:
    """Return several kubeconfigs as one: what comes first wins, name by name."""
    current = ""
    found: dict[str, dict[str, Mapping[str, Any]]] = {
        kind: {} for kind in ("cluster", "user", "context")
    }
    for path, content in files:
        current = current or str(content.get("current-context") or "")
        for kind, sections in found.items():
            for named in _sections(content.get(f"{kind}s")):
                section = _complete(kind, named.get(kind), path.absolute().parent)
                sections.setdefault(str(named.get("name")), section)
    return Merged(current, found["cluster"], found["user"], found["context"])


def _sections(listed: object) -> list[dict[str, Any]]:
    entries = listed if isinstance(listed, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _complete(kind: str, section: object, folder: Path) -> dict[str, Any]:
    """Return a section without empty values and with absolute paths."""
    if not isinstance(section, dict):
        return {}
    kept = {key: value for key, value in section.items() if value not in (None, "")}
    for key in _PATHS.get(kind, ()):
        if key in kept:
            kept[key] = str(folder / str(kept[key]))
    if isinstance(plugin := kept.get("exec"), dict):
        command = str(plugin.get("command") or "")
        # As kubectl: a command with a slash is a path, and seen from the file.
        if os.sep in command:
            kept["exec"] = plugin | {"command": str(folder / command)}
    return kept


def pick(merged: Merged, wanted: str | None, files: Iterable[Path]) -> Context:
    """Return the context named, else the current one.

    Raises:
        ConfigError: If it, or the cluster or user that it names, is missing.
    """
    source = ", ".join(map(str, files))
    known = ", ".join(sorted(merged.contexts)) or "none at all"
    name = wanted or merged.current
    if not name:
        raise ConfigError(
            f"{source} has no current context; there are: {known}",
            hint="name one with --context, or kubectl config use-context NAME",
        )
    context = merged.contexts.get(name)
    if context is None:
        raise ConfigError(
            f'there is no context "{name}" in {source}; there are: {known}',
            hint="name one of them with --context",
        )
    cluster_name = str(context.get("cluster") or "")
    user_name = str(context.get("user") or "")
    for kind, missing in (
        ("cluster", cluster_name not in merged.clusters and cluster_name),
        ("user", user_name not in merged.users and user_name),
    ):
        if missing:
            raise ConfigError(
                f'context "{name}" names the {kind} "{missing}", which is missing in'
                f" {source}"
            )
    cluster = merged.clusters.get(cluster_name, {})
    if not _is_address(cluster.get("server")):
        raise ConfigError(
            f'cluster "{cluster_name}" of context "{name}" in {source} has no server'
            " that is an address such as https://127.0.0.1:6443"
        )
    return Context(
        name,
        cluster_name,
        user_name,
        str(context.get("namespace") or "default"),
        cluster,
        merged.users.get(user_name, {}),
        source,
    )


def _is_address(server: object) -> bool:
    try:
        url = urlsplit(str(server))
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def in_cluster(environ: Mapping[str, str], account: Path = _ACCOUNT) -> Context | None:
    """Return the service account of the Pod that we run in, if we run in one."""
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "")
    token = account / "token"
    if not host or not port or not token.is_file():
        return None
    namespace = account / "namespace"
    return Context(
        IN_CLUSTER,
        IN_CLUSTER,
        "service account",
        namespace.read_text().strip() if namespace.is_file() else "default",
        {
            "server": f"https://[{host}]:{port}"
            if ":" in host
            else f"https://{host}:{port}",
            "certificate-authority": str(account / "ca.crt"),
        },
        # The kubelet replaces the file before the token in it expires.
        {"tokenFile": str(token)},
        str(account),
    )
