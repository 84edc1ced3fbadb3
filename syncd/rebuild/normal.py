"""What of a build input counts: its normal form. Pure.

A normal form is a tuple of facts, each a line of text. Two texts with the same facts
build the same image: comments, blank lines, order where it means nothing, formatting
and tables that no installer reads are not among them. What cannot be parsed counts to
the letter: a broken file is the builder's to report.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.rebuild import docker
from syncd.rebuild.requirements import pep508, requirements


Facts = tuple[str, ...]


def normal_form(name: str, text: str) -> Facts:
    """Return the facts of the build input `name` (a path) with content `text`."""
    try:
        return _form_of(name)(text)
    except (ValueError, RecursionError):
        return to_the_letter(text)


def insignificant(name: str) -> str:
    """Return what may change in the build input `name` without changing the image."""
    return next((kind.free for kind in _KINDS if kind.pattern.fullmatch(name)), "")


def is_requirements(name: str) -> bool:
    """Tell whether pip reads a file of this name (a path) as requirements."""
    return _KINDS[0].pattern.fullmatch(name) is not None


def is_dependency_file(name: str) -> bool:
    """Tell whether installers read a file of this name (a path) by habit."""
    return _BY_HABIT.fullmatch(name) is not None


def to_the_letter(text: str) -> Facts:
    """Return every line as a fact of its own."""
    return tuple(text.splitlines())


def _form_of(name: str) -> Callable[[str], Facts]:
    found = (kind.form for kind in _KINDS if kind.pattern.fullmatch(name))
    return next(found, to_the_letter)


# --- TOML -------------------------------------------------------------------------

# Of a table that is named here all counts; lists of requirements are in any order.
_PYPROJECT_TABLES = (
    ("build-system",),
    ("dependency-groups",),
    ("project", "dependencies"),
    ("project", "dynamic"),
    ("project", "entry-points"),
    ("project", "gui-scripts"),
    ("project", "optional-dependencies"),
    ("project", "requires-python"),
    ("project", "scripts"),
    ("tool", "hatch", "metadata"),
    ("tool", "pdm", "dev-dependencies"),
    ("tool", "pdm", "resolution"),
    ("tool", "pdm", "source"),
    ("tool", "poetry", "dependencies"),
    ("tool", "poetry", "dev-dependencies"),
    ("tool", "poetry", "extras"),
    ("tool", "poetry", "group"),
    ("tool", "poetry", "plugins"),
    ("tool", "poetry", "scripts"),
    ("tool", "poetry", "source"),
    ("tool", "setuptools", "dynamic"),
    ("tool", "uv", "build-constraint-dependencies"),
    ("tool", "uv", "constraint-dependencies"),
    ("tool", "uv", "dev-dependencies"),
    ("tool", "uv", "index"),
    ("tool", "uv", "override-dependencies"),
    ("tool", "uv", "sources"),
    ("tool", "uv", "workspace"),
)
# Where order means something: the first index that has a package is asked for it.
_IN_ORDER = frozenset({("tool", "uv", "index"), ("tool", "poetry", "source")})


def pyproject(text: str) -> Facts:
    """Only the tables that an installer reads count."""
    document = tomllib.loads(text)
    return tuple(
        f"{'.'.join(path)}: {fact}"
        for path in _PYPROJECT_TABLES
        if (value := _at(document, path)) is not None
        for fact in _facts(value if path in _IN_ORDER else _unordered(value))
    )


def toml_lock(text: str) -> Facts:
    """`uv.lock`, `poetry.lock` and their like: the order of packages does not count."""
    document = tomllib.loads(text)
    packages = document.pop("package", None) or document.pop("packages", [])
    if not isinstance(packages, list):
        raise ValueError("not a lock file")  # noqa: TRY004  # as for any broken file
    # Poetry's hash of pyproject.toml: it follows tables that do not count here.
    _table(document, "metadata").pop("content-hash", None)
    return (*_facts(document), *sorted(map(_canonical, packages)))


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:  # noqa: ANN401  # TOML
    value: Any = document
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _unordered(value: Any) -> Any:  # noqa: ANN401  # what TOML has
    """Return `value` with its lists in order, and requirements in them spelled alike."""
    match value:
        case list():
            items = [pep508(i) if isinstance(i, str) else _unordered(i) for i in value]
            return sorted(items, key=_canonical)
        case dict():
            return {key: _unordered(item) for key, item in value.items()}
        case _:
            return value


# --- JSON -------------------------------------------------------------------------


def pipfile_lock(text: str) -> Facts:
    """The hash of the Pipfile that it was made from does not count."""
    document = _json_object(text)
    _table(document, "_meta").pop("hash", None)
    return tuple(_facts(document))


def package_lock(text: str) -> Facts:
    """Formatting and the order of keys do not count, nor does the project's name."""
    document = _json_object(text)
    for table in (document, _table(_table(document, "packages"), "")):
        for key in ("name", "version"):
            table.pop(key, None)
    return tuple(_facts(document))


def package_json(text: str) -> Facts:
    """Only what npm and its like install by counts."""
    document = _json_object(text)
    wanted = (
        *("ependencies", "engines", "overrides", "packageManager"),
        *("resolutions", "workspaces"),
    )
    return tuple(_facts({k: v for k, v in document.items() if k.endswith(wanted)}))


def _json_object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004  # as for any broken file
    return found


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key)
    return table if isinstance(table, dict) else {}


# --- values as facts ----------------------------------------------------------------


def _facts(value: Any, depth: int = 3) -> Iterator[str]:  # noqa: ANN401  # TOML or JSON
    """Yield one line for each item, so that a difference can name it."""
    match value:
        case list() if value:
            yield from map(_shown, value)
        case dict() if value and depth:
            for key in sorted(value):
                yield from (f"{key}: {fact}" for fact in _facts(value[key], depth - 1))
        case _:
            yield _shown(value)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else _canonical(value)


def _canonical(value: object) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """Build inputs that are read alike.

    Attributes:
        pattern: Their paths.
        form: Their facts.
        free: What in them may change without changing the image.
    """

    pattern: re.Pattern[str]
    form: Callable[[str], Facts]
    free: str


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(.*/)?({pattern})")


_REQUIREMENTS = (
    r"[^/]*requirements[^/]*\.(txt|in|lock)|[^/]*constraints[^/]*\.(txt|in)"
    r"|requirements/[^/]+\.(txt|in)"
)
_TOML_LOCKS = r"(uv|poetry|pdm)\.lock|pylock(\.[^/]*)?\.toml"
_NPM_LOCKS = r"package-lock\.json|npm-shrinkwrap\.json"
_KINDS = (
    _Kind(
        _named(_REQUIREMENTS), requirements, "comments, blank lines, order or spelling"
    ),
    _Kind(
        _named(r"pyproject\.toml"),
        pyproject,
        "formatting, or tables that no installer reads",
    ),
    _Kind(_named(_TOML_LOCKS), toml_lock, "order or formatting"),
    _Kind(_named(r"Pipfile\.lock"), pipfile_lock, "order or formatting"),
    _Kind(_named(_NPM_LOCKS), package_lock, "order or formatting"),
    _Kind(
        _named(r"package\.json"),
        package_json,
        "formatting, or keys that nothing is installed by",
    ),
    _Kind(
        _named(r"([^/]*\.)?dockerignore"),
        docker.dockerignore,
        "comments or blank lines",
    ),
    _Kind(
        _named(r"(Docker|Container)file(\.[^/]*)?|[^/]*\.(Docker|Container)file"),
        docker.dockerfile,
        "comments, blank lines or indentation",
    ),
)
_BY_HABIT = _named(
    "|".join(
        (
            *(_REQUIREMENTS, _TOML_LOCKS, _NPM_LOCKS, r"Pipfile(\.lock)?"),
            *(r"pyproject\.toml", r"setup\.(py|cfg)", r"environment\.ya?ml"),
            *(r"package\.json", r"yarn\.lock", r"pnpm-lock\.yaml"),
        )
    )
)
