"""Dockerfiles: what of them counts, and what they copy. Pure."""

import json
import re
from collections.abc import Iterator, Mapping


_DIRECTIVE = re.compile(r"#\s*(syntax|escape|check)\s*=\s*(.*?)\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?['\"]?\w")
# A quoted string, an escaped character, or white space outside of both.
_SPACES = re.compile(r"""("(?:\\.|[^"\\])*"|'[^']*'|\\.)|[ \t]+""")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")


def dockerfile(text: str) -> tuple[str, ...]:
    """Return the facts of a Dockerfile: its directives and instructions, in order.

    Comments, blank lines and indentation do not count. With a heredoc in it, all does.
    """
    if _HEREDOC.search(text):
        return tuple(text.splitlines())
    directives = _directives(text)
    return (
        *(f"# {name}={value}" for name, value in directives.items()),
        *(f"{word} {rest}".strip() for word, rest in instructions(text)),
    )


def dockerignore(text: str) -> tuple[str, ...]:
    """Comments and blank lines do not count; order does, for the last match wins."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the instructions: the word in capitals, and the rest on one line."""
    escape = _directives(text).get("escape", "\\")
    begun = ""
    for line in text.removeprefix("\ufeff").splitlines():
        bare = line.strip()
        # Comments and empty lines inside of an instruction are no part of it either.
        if not bare or bare.startswith("#"):
            continue
        if bare.endswith(escape):
            begun += line.rstrip()[:-1]
            continue
        yield _instruction(begun + line)
        begun = ""
    if begun.strip():
        yield _instruction(begun)


def copied(text: str, arguments: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return what a Dockerfile takes from its context, as it writes it.

    Args:
        text: The Dockerfile.
        arguments: The values of build arguments; the Dockerfile's defaults come after.

    Returns:
        Paths and patterns relative to the context; None if they cannot be told.
    """
    known: dict[str, str] = {}
    found: list[str] = []
    for word, rest in instructions(text):
        if word == "ARG":
            name, _, default = rest.partition("=")
            known[name] = arguments.get(name, default.strip("\"'"))
        elif word in {"COPY", "ADD"} and "--from=" not in rest:
            found += _sources(rest)
        elif word == "RUN":
            found += _mounted(rest)
    paths = [_filled(path, known) for path in found if "://" not in path]
    return None if None in paths else tuple(path for path in paths if path is not None)


def _directives(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        found[match[1].lower()] = match[2]
    return found


def _instruction(line: str) -> tuple[str, str]:
    word, _, rest = line.strip().replace("\t", " ", 1).partition(" ")
    return word.upper(), _SPACES.sub(lambda m: m[1] or " ", rest.strip())


def _sources(rest: str) -> list[str]:
    words = re.sub(r"^(--\S+\s+)+", "", rest)
    if words.startswith("["):
        try:
            return [str(path) for path in json.loads(words)[:-1]]
        except ValueError:
            pass  # Docker takes what is no JSON as words, too
    sources = [word.strip("\"'") for word in words.split()[:-1]]
    return [] if any(source.startswith("<<") for source in sources) else sources


def _mounted(rest: str) -> Iterator[str]:
    for options in re.findall(r"--mount=(\S+)", rest):
        fields = dict(re.findall(r"(\w+)=([^,]*)", options))
        if fields.get("type", "bind") == "bind" and "from" not in fields:
            yield fields.get("source") or fields.get("src") or "."


def _filled(path: str, known: Mapping[str, str]) -> str | None:
    """Return `path` with its variables filled in; None if one is not known."""
    unknown = False

    def value(match: re.Match[str]) -> str:
        nonlocal unknown
        name = match[1] or match[3]
        found = known.get(name) or match[2] or ""
        unknown = unknown or not found
        return found

    filled = _VARIABLE.sub(value, path)
    return None if unknown else filled.strip("/").removeprefix("./") or "."
