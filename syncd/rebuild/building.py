"""The build: which builder it is, how it is run, and what its failure means."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import anyio

from syncd.rebuild import process
from syncd.rebuild.builders import BUILDERS, Builder, Job, filled
from syncd.rebuild.failure import CannotBuild
from syncd.rebuild.output import Output


_PROBE_S = 15.0
_HINTS = (
    (
        r"no such host|dial tcp|i/o timeout|Temporary failure in name resolution",
        "is the network there, and does the builder's daemon reach it?",
    ),
    (r"[Nn]o space left on device", "make room: docker system prune"),
    (
        r"No matching distribution found for (?P<what>.+)",
        "no index has {what}: correct it in the requirements",
    ),
    (
        r"ResolutionImpossible|conflicting dependencies|No solution found",
        "two requirements exclude each other: loosen one of them",
    ),
    (
        r"(COPY|ADD) failed|failed to compute cache key|no such file or directory",
        "does the file exist below the build context, and does .dockerignore let it in?",
    ),
    (
        r"pull access denied|manifest unknown|manifest for \S+ not found",
        "does the base image exist, and are you logged in to its registry?",
    ),
    (
        r"--secret|--mount option requires BuildKit|the --mount option",
        "the classic builder knows no --mount and no secrets: install docker buildx",
    ),
)


@dataclass(frozen=True, slots=True)
class Own:
    """A command of the user's own that builds.

    Attributes:
        words: With names to be filled in.
    """

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called."""
        return PurePath(self.words[0]).name


async def find(wanted: str | Sequence[str]) -> Builder | Own:
    """Return what builds here.

    Args:
        wanted: The name of a builder, "auto", or a command.

    Raises:
        CannotBuild: If it is not installed, or does not answer.
    """
    if not isinstance(wanted, str):
        return Own(tuple(wanted))
    names = tuple(BUILDERS) if wanted == "auto" else (wanted,)
    reasons: dict[str, str] = {}
    for name in names:
        reasons[name] = await _why_not(BUILDERS[name])
        if not reasons[name]:
            return BUILDERS[name]
    missing = [name for name in names if reasons[name] == _MISSING]
    others = {n: why for n, why in reasons.items() if why != _MISSING}
    if not others:
        raise CannotBuild(
            f"no builder is installed: looked for {', '.join(missing)} on PATH",
            hint="install docker or podman, or set `builder` in [target.rebuild]",
        )
    raise CannotBuild(
        "; ".join(f"{name} does not answer: {why}" for name, why in others.items()),
        hint="start its daemon (Docker Desktop, or: sudo systemctl start docker)",
    )


_MISSING = "is not installed"


async def _why_not(builder: Builder) -> str:
    """Return why a builder cannot be used, or ""."""
    if shutil.which(builder.program) is None:
        return _MISSING
    for probe in builder.probes:
        said: list[str] = []
        try:
            with anyio.fail_after(_PROBE_S):
                code = await process.run(probe, said.append)
        except TimeoutError:
            return f"{' '.join(probe[:2])} was silent for {_PROBE_S:.0f} s"
        except OSError as error:
            return f"{builder.program} cannot be run: {error.strerror}"
        if code:
            # The plugin is no program of its own: without it buildx is not installed.
            plugin = probe[:2] == ("docker", "buildx")
            return _MISSING if plugin else (said[-1] if said else f"exit code {code}")
    return ""


async def build(
    builder: Builder | Own, job: Job, output: Output, environ: Mapping[str, str]
) -> None:
    """Build an image.

    Args:
        builder: What builds.
        job: The image.
        output: Where the builder's lines go.
        environ: Variables that it runs with beside syncd's own.

    Raises:
        CannotBuild: With what is known of why.
    """
    if isinstance(builder, Own):
        argv = filled(builder.words, job)
    else:
        argv = builder.build(job)
        if builder.name == "docker" and job.secrets:
            environ = {**environ, "DOCKER_BUILDKIT": "1"}
    try:
        code = await process.run(argv, output.hear, cwd=job.context, environ=environ)
    except OSError as error:
        raise CannotBuild(
            f"{argv[0]} cannot be run: {error.strerror}",
            hint="correct `builder` in [target.rebuild]",
        ) from error
    if code:
        raise _failure(builder.name, code, output)


def _failure(name: str, code: int, output: Output) -> CannotBuild:
    step = output.step
    at = f" at step {step.number} of {step.total}: {step.what}" if step.number else ""
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
    return CannotBuild(
        f"{name} {ended}{at}", hint=_hint("\n".join(output.last)), detail=output.last
    )


def _hint(text: str) -> str:
    for pattern, hint in _HINTS:
        if found := re.search(pattern, text):
            return hint.format(**found.groupdict())
    return "mend it and save: the next edit tries again"
