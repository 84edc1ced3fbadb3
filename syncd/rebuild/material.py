"""What of the settings goes into a build: arguments and secrets, and what identifies it.

Values are taken from variables and files when a build begins, and never logged.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd.config import FromEnv, FromFile, Rebuild
from syncd.rebuild.failure import CannotBuild
from syncd.rebuild.normal import Facts


@dataclass(frozen=True, slots=True)
class Material:
    """What a builder is given beside the context.

    Attributes:
        arguments: Build arguments by name.
        secrets: By id, what follows `id=` in a builder's option.
        hidden: Values that are to be written nowhere.
    """

    arguments: Mapping[str, str]
    secrets: Mapping[str, str]
    hidden: tuple[str, ...]


def facts(settings: Rebuild) -> Facts:
    """Return what in the settings makes it another image; pure.

    A value that is taken from a variable counts by its name only: a token that is
    renewed each day makes no other image.
    """
    found = []
    if settings.platform:
        found.append(f"platform: {settings.platform}")
    if not isinstance(settings.builder, str):
        found.append(f"builder: {' '.join(settings.builder)}")
    for name, value in sorted(settings.build_args.items()):
        told = value.env if isinstance(value, FromEnv) else _digest(value)
        found.append(f"build_args.{name}: {told}")
    return tuple(found)


def written(settings: Rebuild) -> dict[str, str]:
    """Return the build arguments whose values stand in the settings."""
    return {
        name: value
        for name, value in settings.build_args.items()
        if isinstance(value, str)
    }


def gather(
    settings: Rebuild, project: Path, environ: Mapping[str, str] = os.environ
) -> Material:
    """Return what the builder is given; blocking.

    Args:
        settings: What is asked for.
        project: The folder that relative paths start from.
        environ: Where variables are.

    Raises:
        CannotBuild: If a variable is not set, or a file cannot be read.
    """
    arguments = written(settings)
    secrets: dict[str, str] = {}
    hidden: list[str] = []
    for name, value in settings.build_args.items():
        if isinstance(value, FromEnv):
            arguments[name] = _variable(value, f"build_args.{name}", environ)
            hidden.append(arguments[name])
    for name, source in settings.secrets.items():
        if isinstance(source, FromFile):
            # Unlike Path.expanduser(), this leaves alone what it does not know.
            path = project / os.path.expanduser(source.file)  # noqa: PTH111  # see above
            hidden += _words(path, f"secrets.{name}")
            secrets[name] = f"src={path}"
        else:
            hidden.append(_variable(source, f"secrets.{name}", environ))
            secrets[name] = f"env={source.env}"
    return Material(arguments, secrets, tuple(hidden))


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _variable(source: FromEnv, key: str, environ: Mapping[str, str]) -> str:
    value = environ.get(source.env)
    if value is None:
        raise CannotBuild(
            f"the variable {source.env} is not set, and {key} is taken from it",
            hint=f"export {source.env}=… and start syncd again",
        )
    return value


def _words(path: Path, key: str) -> list[str]:
    """Return the words of a file of secrets; the keywords of .netrc are shorter."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        raise CannotBuild(
            f"{path} cannot be read, and {key} is taken from it: {error.strerror}",
            hint="correct the path; it is relative to the project folder",
        ) from error
    return [word for word in text.split() if len(word) >= 8]
