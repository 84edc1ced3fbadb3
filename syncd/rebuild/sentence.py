"""A trouble in one message, and what to do about it. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from syncd.rebuild.failure import CannotRollOut
from syncd.rebuild.trouble import Kind, Trouble


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a trouble beside the Pod itself.

    Attributes:
        events: The messages of the Pod's events, oldest first.
        log: The last lines of the container.
        used: What it used of its memory when it was last measured, or "".
        waited_s: How long it was waited for.
    """

    events: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    used: str = ""
    waited_s: float = 0.0

    def last(self, pattern: str) -> str:
        """Return the last event that a pattern is found in, or ""."""
        found = (said for said in reversed(self.events) if re.search(pattern, said))
        return next(found, "")


def sentence(trouble: Trouble, facts: Facts) -> CannotRollOut:
    """Return the error that tells of a trouble all that is known."""
    reason, hint = _SAYINGS[trouble.kind](trouble, facts)
    return CannotRollOut(" ".join(reason.split()), hint=hint, detail=facts.log)


def _who(trouble: Trouble) -> str:
    return f"container {trouble.container} of {trouble.name}"


def _pull(trouble: Trouble, facts: Facts) -> tuple[str, str]:
    image = trouble.settings.get("image") or "the image"
    said = facts.last("Failed to pull image") or trouble.said
    said = said.removeprefix(f'Failed to pull image "{image}": ')
    return f"{trouble.name} cannot pull {image}: {said}", _hint(_PULL_HINTS, said)


def _crash(trouble: Trouble, facts: Facts) -> tuple[str, str]:
    times = trouble.status.get("restartCount") or 0
    again = f"{times + 1} times" if times else "once"
    who = f"{_who(trouble)} crashed {again}"
    code = trouble.ending.get("exitCode")
    killed = facts.last("(Liveness|Startup) probe failed")
    if killed and code in {137, 143}:
        return f"{who}: it was killed, for {killed}", "mend the program or the probe"
    message = trouble.ending.get("message") or ""
    why = f"exit code {code}{f': {message}' if message else ''}"
    return f"{who}: {why}", "mend it and save: the next edit of an input tries again"


def _oom(trouble: Trouble, facts: Facts) -> tuple[str, str]:
    limits = (trouble.settings.get("resources") or {}).get("limits") or {}
    limit = limits.get("memory")
    at = (
        f"reached its memory limit of {limit}" if limit else "used up the node's memory"
    )
    used = f", {facts.used} when last measured" if facts.used else ""
    return (
        f"{_who(trouble)} was OOM-killed: it {at}{used}",
        "raise resources.limits.memory of the workload, or hold less in memory",
    )


def _create(trouble: Trouble, _: Facts) -> tuple[str, str]:
    said = trouble.said or "the node does not say why"
    hint = _hint(_CREATE_HINTS, said) or f"kubectl describe pod {trouble.name}"
    return f"{_who(trouble)} cannot be started: {said}", hint


def _schedule(trouble: Trouble, _: Facts) -> tuple[str, str]:
    hint = "lower its requests, or make room: the old Pod stays until this one is ready"
    return f"{trouble.name} fits on no node: {trouble.said}", hint


def _forbidden(trouble: Trouble, _: Facts) -> tuple[str, str]:
    hint = "raise the quota, or lower the requests; or let the old Pod make room first"
    return f"no new Pod may be made: {trouble.said}", f"{hint} (maxUnavailable: 1)"


def _deadline(trouble: Trouble, facts: Facts) -> tuple[str, str]:
    last = f" ({facts.events[-1]})" if facts.events else ""
    return (
        f"no progress within progressDeadlineSeconds: {trouble.said}{last}",
        "kubectl describe the workload and its Pods",
    )


def _unready(trouble: Trouble, facts: Facts) -> tuple[str, str]:
    waited = f"is not ready after {facts.waited_s:.0f} s"
    probe = facts.last("(Readiness|Startup|Liveness) probe (failed|errored)")
    return (
        f"{_who(trouble)} runs, but {waited}: {probe or 'its probe has not passed yet'}",
        "mend the program or the probe, or wait longer (`timeout_s`)",
    )


def _unstarted(trouble: Trouble, facts: Facts) -> tuple[str, str]:
    last = f" ({facts.events[-1]})" if facts.events else ""
    return (
        f"{trouble.name} after {facts.waited_s:.0f} s: {trouble.said}{last}",
        f"kubectl describe pod {trouble.name}",
    )


def _missing(_: Trouble, facts: Facts) -> tuple[str, str]:
    said = facts.events[-1] if facts.events else "nothing is said of why"
    return (
        f"no new Pods came to stay within {facts.waited_s:.0f} s: {said}",
        "is the rollout paused, or does a controller undo it?",
    )


def _hint(hints: Sequence[tuple[str, str]], said: str) -> str:
    return next((hint for pattern, hint in hints if re.search(pattern, said)), "")


_SAYINGS: Mapping[Kind, Callable[[Trouble, Facts], tuple[str, str]]] = {
    "pull": _pull,
    "crash": _crash,
    "oom": _oom,
    "create": _create,
    "schedule": _schedule,
    "forbidden": _forbidden,
    "deadline": _deadline,
    "unready": _unready,
    "unstarted": _unstarted,
    "missing": _missing,
}
_PULL_HINTS = (
    (
        r"unauthorized|denied|forbidden|no basic auth",
        "the nodes need a password for that registry: add an imagePullSecret",
    ),
    (
        r"HTTP response to HTTPS client|x509",
        "the nodes expect TLS of that registry: list it as insecure in their settings",
    ),
    (
        r"connection refused|no such host|i/o timeout|server misbehaving",
        "the nodes know the registry by another name: set `image` in [target.rebuild]",
    ),
    (
        r"not found|manifest unknown",
        "do `image` and `registry` in [target.rebuild] name the same registry?",
    ),
)
_CREATE_HINTS = (
    (r"runAsNonRoot|non-numeric user", "give the Dockerfile a USER by number"),
    (
        r"executable file not found|no such file",
        "does CMD, or `command` of the workload, name a program of the image?",
    ),
    (r"not found", "make what is named, or take it out of the workload"),
    (r"permission denied", "may the image's user execute it?"),
)
