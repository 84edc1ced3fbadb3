"""The form without a file: `LOCAL TARGET:PATH`, as `kubectl cp` writes it."""

from pathlib import Path

from syncd.config import words
from syncd.config.layers import anchored
from syncd.errors import ConfigError


def target(local: str, remote: str, cwd: Path) -> dict[str, object]:
    """Return the target that the two arguments of the command line stand for.

    `local` may be relative to `cwd`, and comes out absolute.

    `remote` is `[namespace/]pod:/path` as for `kubectl cp`, or `kind/name:/path`, or
    `namespace/kind/name:/path`. Where the word before the slash is a kind, it is one.

    Raises:
        ConfigError: If the arguments are not of that form.
    """
    name, colon, path = remote.partition(":")
    if not colon:
        raise _malformed(local, remote)
    if not path.startswith("/"):
        raise ConfigError(
            f"{words.quote(remote)} does not name an absolute folder",
            hint=f"write {words.quote(f'{name}:/{path}')}: a container's working"
            " folder is not known beforehand",
        )
    namespace, kind, name = _split(name, remote)
    found: dict[str, object] = {"workload": f"{kind}/{name}"}
    if namespace is not None:
        found["namespace"] = namespace
    return {**found, "sync": [{"local": anchored(local, cwd), "remote": path}]}


def _malformed(local: str, remote: str) -> ConfigError:
    if ":/" in local:
        return ConfigError(
            f"{words.quote(local)} names a container, and comes second",
            hint="the local folder comes first: syncd only ever writes to the Pod",
        )
    return ConfigError(
        f"{words.quote(remote)} is not of the form TARGET:PATH",
        hint="for example deployment/myapp:/app, or mypod-0:/app",
    )


def _split(name: str, remote: str) -> tuple[str | None, str, str]:
    match name.split("/"):
        case [pod] if pod:
            return None, "pod", pod
        case [first, second] if first and second:
            kind = words.kind_of(first)
            if kind is None and words.is_foreign_kind(first):
                raise ConfigError(
                    f"{words.quote(first)} is not a kind that syncd follows",
                    hint="name a deployment, statefulset or pod, or use a selector in"
                    " syncd.toml",
                )
            return (None, kind, second) if kind else (first, "pod", second)
        case [namespace, kind, second] if namespace and words.kind_of(kind) and second:
            return namespace, kind, second
        case _:
            raise _malformed("", remote)
