"""The builders that people have, and how each is told the same thing. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


LABEL = "syncd.inputs"


@dataclass(frozen=True, slots=True)
class Job:
    """An image to be built.

    Attributes:
        context: The folder.
        dockerfile: Absolute.
        reference: The image's name and tag, as the builder is to call it.
        digest: Of its inputs; it becomes a label.
        arguments: Names of build arguments; the values are in the environment, so that
            no list of processes shows them.
        secrets: By id, what follows `id=` in a builder's option.
        platform: Or "".
    """

    context: Path
    dockerfile: Path
    reference: str
    digest: str
    arguments: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Builder:
    """A program that builds images, and keeps, pushes and saves them.

    Attributes:
        name: As the settings call it.
        probes: Commands that succeed if it can be used.
        command: What builds.
        pushes: What pushes; the reference comes last.
        insecure: Options of a push to a registry without TLS.
    """

    name: str
    probes: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    pushes: tuple[str, ...]
    insecure: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """What must be installed."""
        return self.command[0]

    @property
    def is_docker(self) -> bool:
        """Whether the images are those of the docker engine."""
        return self.program == "docker"

    def build(self, job: Job) -> tuple[str, ...]:
        """Return the command that builds."""
        options = ["-f", str(job.dockerfile), "-t", job.reference]
        options += ["--label", f"{LABEL}={job.digest}"]
        for name in job.arguments:
            options += ["--build-arg", name]
        for name, source in job.secrets.items():
            options += ["--secret", f"id={name},{source}"]
        if job.platform:
            options += ["--platform", job.platform]
        return (*self.command, *options, str(job.context))

    def push(self, reference: str, *, insecure: bool) -> tuple[str, ...]:
        """Return the command that pushes."""
        return (*self.pushes, *(self.insecure if insecure else ()), reference)

    def save(self, reference: str, archive: Path) -> tuple[str, ...]:
        """Return the command that writes the image into a file."""
        if self.program == "buildah":
            return (*self.pushes, reference, f"docker-archive:{archive}:{reference}")
        return (self.program, "save", "-o", str(archive), reference)


_ENGINE = ("docker", "version", "--format", "{{.Server.Version}}")
BUILDERS: Mapping[str, Builder] = {
    builder.name: builder
    for builder in (
        Builder(
            "buildx",
            (("docker", "buildx", "version"), _ENGINE),
            ("docker", "buildx", "build", "--load", "--progress=plain"),
            ("docker", "push"),
        ),
        Builder(
            "docker",
            (_ENGINE,),
            # A failed step leaves its container behind otherwise.
            ("docker", "build", "--force-rm"),
            ("docker", "push"),
        ),
        Builder(
            "podman",
            (("podman", "info", "--format", "{{.Version.Version}}"),),
            ("podman", "build"),
            ("podman", "push"),
            ("--tls-verify=false",),
        ),
        Builder(
            "nerdctl",
            (("nerdctl", "info", "--format", "{{.ServerVersion}}"),),
            ("nerdctl", "build", "--progress=plain"),
            ("nerdctl", "push"),
            ("--insecure-registry",),
        ),
        Builder(
            "buildah",
            (("buildah", "--version"),),
            ("buildah", "build"),
            ("buildah", "push"),
            ("--tls-verify=false",),
        ),
    )
}


def filled(words: Sequence[str], job: Job) -> tuple[str, ...]:
    """Return a command of the user's own with the names filled in."""
    values = {
        "{context}": str(job.context),
        "{dockerfile}": str(job.dockerfile),
        "{platform}": job.platform,
        "{tag}": job.reference,
    }
    return tuple(_filled(word, values) for word in words)


def _filled(word: str, values: Mapping[str, str]) -> str:
    # One after the other would look for names in values, too.
    for name, value in values.items():
        head, found, tail = word.partition(name)
        if found:
            return f"{_filled(head, values)}{value}{_filled(tail, values)}"
    return word
