"""What `[target.rebuild]` may say: how the target's image is built and delivered."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from syncd.config import words
from syncd.config.table import Argv, Table, Text
from syncd.config.words import Wrong


BuilderName = Literal["auto", "buildx", "docker", "podman", "nerdctl", "buildah"]
Delivery = Literal["auto", "push", "k3d", "kind", "minikube", "nerdctl", "none"]
_ARGUMENT = re.compile(r"[A-Za-z_]\w*")
_SECRET = re.compile(r"[\w.-]+")


class FromEnv(Table):
    """A value that is taken from a variable of syncd's own environment."""

    env: Text = Field(description="The name of the variable.", examples=["PIP_TOKEN"])


class FromFile(Table):
    """A value that is taken from a file."""

    file: Text = Field(
        description="The file, relative to the project folder.", examples=["~/.netrc"]
    )


def _builder(written: object) -> str | tuple[str, ...]:
    """Return the name of a builder, or the words of a command."""
    names = get_args(BuilderName)
    if isinstance(written, str):
        if written in names:
            return written
        near = words.did_you_mean(written, names)
        guess = f"; did you mean {words.quote(near)}?" if near else ""
        raise Wrong(
            f"{words.quote(written)} is not a builder that syncd knows",
            f"write {words.any_of(map(words.quote, names))}, or a list of words for a"
            f" command of your own{guess}",
        )
    if not isinstance(written, list | tuple) or not all(
        isinstance(word, str) and word and "\0" not in word for word in written
    ):
        raise Wrong(
            "is neither the name of a builder nor a list of words",
            'write "auto", or for example ["my-build", "{context}", "{tag}"]',
        )
    if not any("{tag}" in word for word in written[1:]):
        raise Wrong(
            'is a command without "{tag}"',
            'add "{tag}" where the command takes the name of the image',
        )
    return tuple(written)


def _arguments(written: object) -> dict[str, str | FromEnv]:
    return {
        name: value if isinstance(value, str) else FromEnv(env=_named(value, "env"))
        for name, value in _entries(written, _ARGUMENT, '{ BASE = "python:3.12" }')
    }


def _secrets(written: object) -> dict[str, FromEnv | FromFile]:
    return {
        name: FromFile(file=_named(value, "file"))
        if isinstance(value, Mapping) and "file" in value
        else FromEnv(env=_named(value, "env"))
        for name, value in _entries(written, _SECRET, '{ pip = { env = "PIP_TOKEN" } }')
    }


def _entries(
    written: object, name: re.Pattern[str], example: str
) -> list[tuple[str, Any]]:
    if not isinstance(written, Mapping):
        raise Wrong("must be a table", f"write for example {example}")
    for key in written:
        if not isinstance(key, str) or not name.fullmatch(key):
            raise Wrong(f"{words.quote(key)} cannot be a name here", f"as in {example}")
    return list(written.items())


def _named(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(found, str) or not found or "\0" in found:
        raise Wrong(
            "holds a value that says not where to take it from",
            'write { env = "NAME" }, or for a secret { file = "PATH" }',
        )
    return found


class Rebuild(Table):
    """How the image of the target is built when its inputs change."""

    context: Annotated[Path, Field(strict=False)] = Field(
        default=Path(),
        validate_default=True,
        description="The folder that is built from, relative to the project folder.",
        examples=["."],
    )
    dockerfile: Text = Field(
        default="Dockerfile",
        description="The Dockerfile, relative to `context`.",
        examples=["Dockerfile.dev"],
    )
    inputs: tuple[Text, ...] = Field(
        strict=False,
        default=(),
        description="Globs relative to `context` that name the files whose content"
        " decides; else the Dockerfile tells.",
        examples=[["requirements*.txt", "Dockerfile.dev"]],
    )
    image: Annotated[str, AfterValidator(words.repository)] | None = Field(
        default=None,
        description="The image's name without a tag, as the cluster calls it; else"
        " that of the workload.",
        examples=["k3d-registry.localhost:5000/myapp"],
    )
    registry: Annotated[str, AfterValidator(words.registry)] | None = Field(
        default=None,
        description="The registry's address as this machine calls it, where that"
        " differs from the one in `image`.",
        examples=["localhost:5000"],
    )
    builder: Annotated[
        str | tuple[str, ...],
        PlainValidator(_builder, json_schema_input_type=BuilderName | Argv),
    ] = Field(
        default="auto",
        description="What builds: the first of buildx, docker, podman, nerdctl and"
        " buildah that answers; or one of them; or a command as a list of words, with"
        " {context}, {dockerfile}, {tag} and {platform}.",
        examples=["auto"],
    )
    build_args: Annotated[
        dict[str, str | FromEnv],
        PlainValidator(_arguments, json_schema_input_type=dict[str, str | FromEnv]),
    ] = Field(
        default={},
        description="Build arguments by name: a string, or the variable to take it"
        " from.",
        examples=[{"BASE": "python:3.12-slim"}],
    )
    secrets: Annotated[
        dict[str, FromEnv | FromFile],
        PlainValidator(_secrets, json_schema_input_type=dict[str, FromEnv | FromFile]),
    ] = Field(
        default={},
        description="Build secrets by id: the variable or the file to take each from.",
        examples=[{"pip": {"env": "PIP_TOKEN"}}],
    )
    platform: Text | None = Field(
        default=None,
        description="The platform to build for; else the builder's own.",
        examples=["linux/amd64"],
    )
    deliver: Delivery = Field(
        default="auto",
        description="How the image gets to the nodes: push to the cluster's registry,"
        " or load it by the tool of that name; none: they share the builder's images,"
        " or the builder pushes.",
        examples=["auto"],
    )
    rollback: bool = Field(
        default=False,
        description="Whether the old image comes back when the new one does not come"
        " up.",
        examples=[True],
    )
    timeout_s: float = Field(
        default=300.0,
        gt=0,
        description="How long new Pods may take to be ready.",
        examples=[300],
    )

    @field_validator("context")
    @classmethod
    def _absolute(cls, context: Path, info: ValidationInfo) -> Path:
        project = (info.context or {}).get("project")
        return Path(os.path.normpath(project / context)) if project else context
