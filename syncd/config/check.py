"""What settings can be wrong in beyond a single value: two keys at odds, or the disk.

It looks at the parsed table as it stands, not at the models, so that one message can
name everything: a target with an unknown key is still compared with its neighbours.
Whatever is of the wrong type is passed over here; the models refuse it.
"""

import itertools
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from syncd.config import words
from syncd.config.locate import Key, dotted
from syncd.config.model import Watch


T = TypeVar("T")
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what to do about it.

    Attributes:
        key: Where it is; () for the file as a whole.
        what: What is wrong, to follow the key.
        remedy: What to write instead.
    """

    key: Key
    what: str
    remedy: str


def check(document: Table, project: Path, *, inside: bool = True) -> list[Problem]:
    """Return what is wrong between keys, and with the local folders.

    Args:
        document: The settings as parsed, of whatever shape.
        project: The folder that relative paths start from.
        inside: Whether local folders must lie in the project.
    """
    targets = list(_tables(document.get("target"), ("target",)))
    problems = [*_watch(document.get("watch")), *_clashes(targets)]
    for key, target in targets:
        problems += _names(key, target)
        entries = list(_tables(target.get("sync"), (*key, "sync")))
        problems += _overlaps(entries)
        problems += _rebuild(key, target, project)
        for at, entry in entries:
            local = entry.get("local")
            if isinstance(local, str):
                problems += _folder((*at, "local"), local, project, inside=inside)
    return problems


def _tables(value: object, key: Key) -> Iterator[tuple[Key, Table]]:
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield (*key, index), item


def _watch(value: object) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        return
    steps = ("quiet_ms", "burst_ms", "cap_ms")
    times = [value.get(step, Watch.model_fields[step].default) for step in steps]
    if not all(type(time) is int for time in times):
        return
    for (low, less), (high, more) in itertools.pairwise(zip(steps, times, strict=True)):
        if less > more:
            at = low if low in value else high
            yield Problem(
                ("watch", at),
                f"{low} = {less} is longer than {high} = {more}",
                "make quiet_ms ≤ burst_ms ≤ cap_ms",
            )


def _names(key: Key, target: Table) -> Iterator[Problem]:
    if "workload" in target and "selector" in target:
        yield Problem(
            (*key, "selector"), "stands beside workload", "delete one of the two"
        )
    if "workload" not in target and "selector" not in target:
        yield Problem(
            key,
            "names neither workload nor selector",
            'add workload = "deployment/NAME" or selector = "app=NAME"',
        )


def _clashes(targets: list[tuple[Key, Table]]) -> Iterator[Problem]:
    for (first, a), (second, b) in itertools.combinations(targets, 2):
        name = _identity(a)
        if name is None or name != _identity(b):
            continue
        if a.get("container") == b.get("container"):
            yield Problem(
                second,
                f"is the same {_subject(b)} and container as {dotted(first)}",
                f"move its sync entries to {dotted(first)}",
            )
        elif None in (a.get("container"), b.get("container")):
            yield Problem(
                second,
                f"is the same {_subject(b)} as {dotted(first)}, and only one of them"
                " names a container",
                "name the container in both",
            )


def _subject(target: Table) -> str:
    return "workload" if "workload" in target else "selector"


def _identity(target: Table) -> tuple[object, ...] | None:
    """Return what makes two targets the same one, or None where that is unknown."""
    for subject, normal in (("workload", words.workload), ("selector", words.selector)):
        written = target.get(subject)
        if isinstance(written, str):
            try:
                return subject, normal(written), target.get("namespace")
            except words.Wrong:
                return None
    return None


def _overlaps(entries: list[tuple[Key, Table]]) -> Iterator[Problem]:
    placed = []
    for key, entry in entries:
        try:
            placed.append((key, entry, words.remote_path(entry["remote"])))
        except (words.Wrong, KeyError, AttributeError):
            continue
    for (first, a, above), (second, b, below) in itertools.combinations(placed, 2):
        if above == below and _same_folder(a.get("local"), b.get("local")):
            yield Problem(second, f"is the same as {dotted(first)}", "delete it")
        elif posixpath.commonpath((above, below)) in (above, below):
            yield Problem(
                (*second, "remote"),
                f"{words.quote(below)} overlaps {words.quote(above)}"
                f" of {dotted(first)}",
                "give each folder a place of its own, or sync their common parent",
            )


def _same_folder(a: object, b: object) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return posixpath.normpath(a) == posixpath.normpath(b)
    return False


def _rebuild(key: Key, target: Table, project: Path) -> Iterator[Problem]:
    rebuild = target.get("rebuild")
    if not isinstance(rebuild, Mapping):
        return
    at = (*key, "rebuild")
    try:
        kind = words.workload(target["workload"]).partition("/")[0]
    except (words.Wrong, KeyError, AttributeError):
        kind = ""  # it is refused for itself, or is a selector
    if kind not in {"deployment", "statefulset"} and ("selector" in target or kind):
        yield Problem(
            at,
            "needs a workload that replaces its Pods",
            'write workload = "deployment/NAME" or "statefulset/NAME"',
        )
    context = rebuild.get("context", ".")
    if not isinstance(context, str):
        return
    problems = list(_folder((*at, "context"), context, project, inside=False))
    yield from problems
    if not problems:
        yield from _dockerfile(at, rebuild, project / context)


def _dockerfile(key: Key, rebuild: Table, context: Path) -> Iterator[Problem]:
    dockerfile = rebuild.get("dockerfile", "Dockerfile")
    if not isinstance(rebuild.get("builder", "auto"), str):
        return  # a command of one's own may do without
    if not isinstance(dockerfile, str) or not dockerfile or "\0" in dockerfile:
        return
    if not (context / dockerfile).is_file():
        near = [each.name for each in _listed(context) if each.is_file()]
        guess = words.did_you_mean(Path(dockerfile).name, near)
        yield Problem(
            (*key, "dockerfile") if "dockerfile" in rebuild else key,
            f"{words.quote(dockerfile)} does not exist in {context}",
            f"did you mean {words.quote(guess)}?" if guess else "name the Dockerfile",
        )


def _folder(key: Key, local: str, project: Path, *, inside: bool) -> Iterator[Problem]:
    if not local or "\0" in local:
        yield Problem(key, "is not a path", 'write "." for the project folder itself')
        return
    path = project / local
    # Unlike Path.resolve(), this does not raise for a link that leads to itself.
    real = Path(os.path.realpath(path))
    if inside and not real.is_relative_to(os.path.realpath(project)):
        yield Problem(
            key,
            f"{words.quote(local)} lies outside the project folder {project}",
            "name a folder inside it, or move the settings file further up",
        )
    elif path.is_symlink() and not os.path.exists(path):  # noqa: PTH110  # nor this
        yield Problem(
            key, f"{words.quote(local)} is a link that leads nowhere", "mend the link"
        )
    elif not real.exists():
        yield Problem(
            key,
            f"{words.quote(local)} does not exist"
            + ("" if Path(local).is_absolute() else f" in {project}"),
            _similar(local, project),
        )
    elif not real.is_dir():
        yield Problem(
            key,
            f"{words.quote(local)} is a file",
            f"name the folder that holds it: {words.quote(Path(local).parent)}",
        )


def _similar(local: str, project: Path) -> str:
    parent = Path(local).parent
    folders = [each.name for each in _listed(project / parent) if each.is_dir()]
    near = words.did_you_mean(Path(local).name, folders)
    guess = f"; did you mean {words.quote(parent / near)}?" if near else ""
    return f"make the folder, or correct the path{guess}"


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
