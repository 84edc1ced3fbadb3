"""Which mode a name on the command line stands for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

from syncd.bench import copies, usage
from syncd.bench.edits import Subject
from syncd.bench.modes import (
    Attached,
    ByCommand,
    ExecTar,
    Kubectl,
    Local,
    Mode,
    Rebuild,
    Syncd,
    kubectl,
    local_command,
)
from syncd.bench.place import Place
from syncd.bench.plan import Plan
from syncd.bench.samples import FLOOR
from syncd.errors import ConfigError


DAEMON = "syncd"
_RELOADERS = ("reloader.py", "syncd.reloader")
_UNTOUCHED = (DAEMON, FLOOR, "rebuild")  # they and others do not share a container
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)  # it is a folder's, too


@dataclass(frozen=True, slots=True)
class Ground:
    """What a mode is made for.

    Attributes:
        subject: What is edited, in the folder that is the mode's.
        scratch: A folder for whatever it has to keep.
    """

    place: Place
    plan: Plan
    subject: Subject
    scratch: Path


def check(said: str) -> None:
    """Refuse a mode that there is not.

    Raises:
        ConfigError: If it is neither built in nor NAME=COMMAND.
    """
    name, equals, command = said.partition("=")
    if not equals and said in _BUILT_IN:
        if said.startswith("kubectl-"):
            kubectl.check()
        return
    if not equals or not command.strip():
        raise ConfigError(
            f"{said!r} is not a mode",
            hint=f"there are {', '.join(_BUILT_IN)}, and NAME=COMMAND",
        )
    if name in _BUILT_IN or not _NAME.fullmatch(name):
        raise ConfigError(
            f"a command cannot be called {name!r}",
            hint="give it a name of its own, of letters, digits, dots and dashes",
        )


def check_beside(modes: Sequence[str], serves: Sequence[str]) -> None:
    """Refuse modes that would wait for each other's edits in vain.

    The warm reloader does not look at the files itself while a syncd tells it of them.

    Args:
        modes: All that take turns.
        serves: The command line of the container.

    Raises:
        ConfigError: If edits by some would never be served.
    """
    is_warm = any(PurePath(word).name in _RELOADERS for word in serves)
    others = [each.partition("=")[0] for each in modes if each not in _UNTOUCHED]
    if is_warm and DAEMON in modes and others:
        raise ConfigError(
            f"under the warm reloader, beside {DAEMON}, edits by"
            f" {', '.join(others)} are never served",
            hint=f"measure them without --mode {DAEMON}, or a program that reloads"
            " itself",
        )


def mode(said: str, ground: Ground) -> Mode:
    """Return the mode that is meant by a name, or by NAME=COMMAND.

    Raises:
        ConfigError: If it cannot be used here.
    """
    name, _, command = said.partition("=")
    if not command:
        return _BUILT_IN[name](ground)
    place = ground.place
    return ByCommand(name, place.endpoint, command, ground.subject.folder, _told(place))


def _syncd(ground: Ground) -> Mode:
    place, subject = ground.place, ground.subject
    agents = partial(usage.of_agents, place.api, place.replicas)
    if ground.plan.attach:
        return Attached(place.endpoint, agents, place.settings.project, subject)
    moved = copies.moved(place.settings, subject.folder)
    return Syncd(place.endpoint, agents, moved, ground.scratch)


def _local(ground: Ground) -> Mode:
    serves = ground.place.serves
    command = ground.plan.local_command or local_command(serves)
    if command is None:
        raise ConfigError(
            "how to run the program here is not known: the container runs"
            f" {' '.join(serves) or 'something unknown'}",
            hint="say it with --local-command, with {port} where its port stands",
        )
    return Local(command, ground.place.endpoint.path, ground.subject.folder)


def _exec_tar(ground: Ground) -> Mode:
    place = ground.place
    return ExecTar(place.endpoint, place.api, place.replicas, place.remote)


def _kubectl(name: str, typed: kubectl.Typed, ground: Ground) -> Mode:
    place = ground.place
    options = ["--context", place.api.context]
    if place.settings.kubeconfig is not None:
        options += ["--kubeconfig", str(place.settings.kubeconfig)]
    return Kubectl(name, place.endpoint, typed, options, place.replicas, place.remote)


def _rebuild(ground: Ground) -> Mode:
    place, folder = ground.place, ground.subject.folder
    return Rebuild(place, place.port(), folder, ground.scratch)


_BUILT_IN: Mapping[str, Callable[[Ground], Mode]] = {
    DAEMON: _syncd,
    FLOOR: _local,
    "exec-tar": _exec_tar,
    "kubectl-exec": partial(_kubectl, "kubectl-exec", kubectl.unpacked),
    "kubectl-cp": partial(_kubectl, "kubectl-cp", kubectl.copied),
    "rebuild": _rebuild,
}


def _told(place: Place) -> Mapping[str, str]:
    first = place.replicas[0]
    return {
        "SYNCD_BENCH_NAMESPACE": first.namespace,
        "SYNCD_BENCH_POD": first.pod,
        "SYNCD_BENCH_CONTAINER": first.container,
        "SYNCD_BENCH_REMOTE": place.remote,
        "SYNCD_BENCH_CONTEXT": place.api.context,
    }
