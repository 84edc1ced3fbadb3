"""What the variables and the flags say, key by key."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    """One setting from outside the file.

    Attributes:
        key: The key it sets; ("target", NAME) sets NAME in every target.
        value: What it sets it to.
        origin: The flag or variable that says so.
    """

    key: tuple[str, ...]
    value: object
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says; None is not said.

    `namespace`, `container` and `mode` hold for every target.
    """

    context: str | None = None
    kubeconfig: str | None = None
    allow_contexts: tuple[str, ...] | None = None
    namespace: str | None = None
    container: str | None = None
    mode: str | None = None
    poll: bool | None = None


_FLAGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "context": ("--context", ("context",)),
    "kubeconfig": ("--kubeconfig", ("kubeconfig",)),
    "allow_contexts": ("--allow-context", ("allow_contexts",)),
    "namespace": ("--namespace", ("target", "namespace")),
    "container": ("--container", ("target", "container")),
    "mode": ("--mode", ("target", "mode")),
    "poll": ("--poll", ("watch", "poll")),
}
VARIABLES: dict[str, tuple[str, ...]] = {
    "SYNCD_CONTEXT": ("context",),
    "SYNCD_KUBECONFIG": ("kubeconfig",),
    "SYNCD_ALLOW_CONTEXTS": ("allow_contexts",),
    "SYNCD_NAMESPACE": ("target", "namespace"),
    "SYNCD_CONTAINER": ("target", "container"),
    "SYNCD_MODE": ("target", "mode"),
    "SYNCD_WATCH_QUIET_MS": ("watch", "quiet_ms"),
    "SYNCD_WATCH_BURST_MS": ("watch", "burst_ms"),
    "SYNCD_WATCH_CAP_MS": ("watch", "cap_ms"),
    "SYNCD_WATCH_POLL": ("watch", "poll"),
}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def from_flags(flags: Flags, cwd: Path) -> Iterator[Said]:
    """Yield what the command line says."""
    for name, (origin, key) in _FLAGS.items():
        value = getattr(flags, name)
        if value is not None:
            yield Said(key, _anchored(key, value, cwd), origin)


def from_environ(environ: Mapping[str, str], cwd: Path) -> Iterator[Said]:
    """Yield what the variables say; an empty one says nothing."""
    for origin, key in VARIABLES.items():
        text = environ.get(origin, "").strip()
        if text:
            yield Said(key, _anchored(key, _value(key, text), cwd), origin)


def anchored(path: str, folder: Path) -> str:
    """Return a path that may start with `~` or be relative to `folder`."""
    # Unlike Path.expanduser(), this leaves alone what it does not know.
    return str(folder / os.path.expanduser(path))  # noqa: PTH111  # see above


def _anchored(key: tuple[str, ...], value: object, cwd: Path) -> object:
    is_path = key == ("kubeconfig",) and isinstance(value, str)
    return anchored(str(value), cwd) if is_path else value


def _value(key: tuple[str, ...], text: str) -> object:
    """Return `text` as TOML would have it; what is no such value stays text."""
    if key == ("allow_contexts",):
        return tuple(re.split(r"[,\s]+", text.strip(", ")))
    if key == ("watch", "poll") and text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    if key[0] == "watch" and text.isdecimal():
        return int(text)
    return text
