"""Requirements files, as pip reads them. Pure."""

import re
import shlex
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


_COMMENT = re.compile(r"(^|\s+)#.*$")
_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s*)(\S.*)")
_SHORT = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}


def requirements(text: str) -> tuple[str, ...]:
    """Return the facts of a requirements file.

    Comments, the order of requirements and the spelling of names do not count. Hashes
    do, and options of pip in their order: the last index named is the one that is used.
    """
    wanted, options = set(), []
    for line in logical_lines(text):
        if _is_option(line):
            options.append(line)
        else:
            wanted.add(_requirement(line))
    return (*options, *sorted(wanted))


def included(text: str) -> tuple[str, ...]:
    """Return the files that a requirements file names by `-r` and `-c`.

    The paths are relative to the file; addresses are none of them.
    """
    found = (_INCLUDE.fullmatch(line) for line in logical_lines(text))
    return tuple(
        path
        for match in found
        if match
        for path in _words(match[2])[:1]
        if "://" not in path
    )


def pep508(line: str) -> str:
    """Return a requirement in the one spelling that means the same."""
    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return line
    names = ",".join(sorted(map(canonicalize_name, wanted.extras)))
    extras = f"[{names}]" if names else ""
    where = f" @ {wanted.url}" if wanted.url else ""
    marker = f" ; {wanted.marker}" if wanted.marker else ""
    name = canonicalize_name(wanted.name)
    return f"{name}{extras}{where}{wanted.specifier}{marker}"


def logical_lines(text: str) -> Iterator[str]:
    """Yield lines as pip joins them, without comments, none of them empty."""
    begun = ""
    for line in text.removeprefix("\ufeff").splitlines():
        is_comment = _COMMENT.match(line)
        if line.endswith("\\") and not is_comment:
            begun += line.strip("\\")
            continue
        # The space keeps a comment that ends a joined line a comment.
        yield from _content(f"{begun} {line}" if is_comment else begun + line)
        begun = ""
    yield from _content(begun)


def _content(line: str) -> Iterator[str]:
    bare = " ".join(_COMMENT.sub("", line).split())
    if bare:
        yield bare


def _is_option(line: str) -> bool:
    return line.startswith("-") and not _INCLUDE.fullmatch(line)


def _requirement(line: str) -> str:
    if match := _INCLUDE.fullmatch(line):
        return f"{_SHORT[match[1]]} {match[2]}"
    wanted, *options = re.split(r"\s(?=--)", line)
    return " ".join([pep508(wanted), *sorted(options)])


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]
