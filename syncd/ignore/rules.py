"""Rules in gitignore's syntax, and which of them a path meets. Pure."""

import enum
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from syncd.ignore.glob import NeverMatches, is_literal, name_regex, path_regex


class Standing(enum.Enum):
    """Whose rule it is, which decides what may overrule it."""

    FIXED = "built in, and nothing overrules it"
    USUAL = "built in; a ! rule of syncd's own files overrules it"
    WITHHELD = "built in; any ! rule that lists the path overrules it"
    PROJECT = "of .gitignore or .dockerignore"
    OWN = "of .syncdignore or the settings"


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern and where it stands.

    Attributes:
        text: As it was written.
        source: File and line, or the setting.
        negated: It takes a path back in.
        lists: It means certain names, where `*` and `src/**` mean any; and it met the
            path itself, not a folder above.
    """

    text: str
    source: str
    standing: Standing
    negated: bool
    lists: bool


class Line(NamedTuple):
    """A line of an ignore file, or a pattern of the settings, not yet read."""

    text: bytes
    source: str
    standing: Standing


Matcher = Callable[[bytes, bytes, bool], bool]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A parsed line: one of four shapes, from the cheapest to ask to the dearest."""

    negated: bool
    dir_only: bool
    name: bytes | None = None
    suffix: bytes | None = None
    name_regex: bytes | None = None
    path_regex: bytes | None = None

    def below(self, base: bytes) -> "_Pattern":
        """Return the pattern for paths that start with `base`, a regex."""
        if self.path_regex is None:
            return self
        return replace(self, path_regex=base + self.path_regex)

    def matcher(self) -> Matcher:
        """Return what tells if a name, at a path, of a folder or not, is met."""
        any_kind, name, suffix = not self.dir_only, self.name, self.suffix
        if name is not None:
            return lambda n, _, is_dir: n == name and (is_dir or any_kind)
        if suffix is not None:
            return lambda n, _, is_dir: n.endswith(suffix) and (is_dir or any_kind)
        if self.name_regex is not None:
            on_name = re.compile(self.name_regex, re.DOTALL).fullmatch
            return lambda n, _, is_dir: (is_dir or any_kind) and bool(on_name(n))
        assert self.path_regex is not None
        on_path = re.compile(self.path_regex, re.DOTALL).fullmatch
        return lambda _, path, is_dir: (is_dir or any_kind) and bool(on_path(path))


class Rules:
    """Rules that share a folder; of those that a path meets, the last one decides.

    Args:
        lines: In gitignore's syntax.
        base: The folder of the rules, relative to the sync root, with its slash.
        above: The sync root relative to the folder of the rules, with its slash,
            where that folder lies above the root; then `base` is empty.

    Attributes:
        names: What the rules look for, by the kind of look that it takes: whole names.
        suffixes: Ends of names.
        name_regexes: Shapes of names.
        path_regexes: Shapes of paths of the sync root, or, where `above` is set, of
            the folder of the rules.
    """

    def __init__(
        self, lines: Iterable[Line], *, base: bytes = b"", above: bytes = b""
    ) -> None:
        self.above = above
        inside = re.escape(base)
        parsed = [(line, pattern.below(inside)) for line, pattern in _parsed(lines)]
        patterns = [pattern for _, pattern in parsed]
        self.names = frozenset(p.name for p in patterns if p.name is not None)
        self.suffixes = frozenset(p.suffix for p in patterns if p.suffix is not None)
        self.name_regexes = tuple(p.name_regex for p in patterns if p.name_regex)
        self.path_regexes = tuple(p.path_regex for p in patterns if p.path_regex)
        self._backwards = tuple(
            (_rule(line, pattern), pattern.matcher())
            for line, pattern in reversed(parsed)
        )

    def __bool__(self) -> bool:
        return bool(self._backwards)

    def match(self, name: bytes, path: bytes, *, is_dir: bool) -> Rule | None:
        """Return the rule that decides, or None.

        Args:
            name: The last part of `path`.
            path: Relative to the sync root.
            is_dir: Whether it is a folder and no link to one.
        """
        full = self.above + path
        for rule, meets in self._backwards:
            if meets(name, full, is_dir):
                return rule
        return None


def lists_names(pattern: str) -> bool:
    """Return whether the last part of `pattern` is more than wildcards."""
    last = pattern.removeprefix("!").rstrip("/ ").rpartition("/")[2]
    return re.search(r"\w", re.sub(r"\[[^]]*\]", "", last)) is not None


def read_lines(text: bytes, source: str, standing: Standing) -> Iterator[Line]:
    """Yield the lines of an ignore file, each with its number."""
    for number, line in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        yield Line(line.removesuffix(b"\r"), f"{source}:{number}", standing)


def _rule(line: Line, pattern: _Pattern) -> Rule:
    text = line.text.decode("utf-8", "backslashreplace")
    return Rule(text, line.source, line.standing, pattern.negated, lists_names(text))


def _parsed(lines: Iterable[Line]) -> Iterator[tuple[Line, _Pattern]]:
    for line in lines:
        if not line.text or line.text.startswith(b"#"):
            continue
        text = _without_trailing_spaces(line.text)
        try:
            yield line._replace(text=text), _parse(text)
        except NeverMatches:
            continue


def _parse(text: bytes) -> _Pattern:
    negated = text.startswith(b"!")
    body = text[negated:]
    dir_only = body.endswith(b"/")
    pattern = body[:-1] if dir_only else body
    if not pattern.removeprefix(b"/"):
        raise NeverMatches(text)
    if b"/" in pattern:
        regex = path_regex(pattern.removeprefix(b"/"))
        return _Pattern(negated, dir_only, path_regex=regex)
    if is_literal(pattern):
        return _Pattern(negated, dir_only, name=pattern)
    if pattern.startswith(b"*") and is_literal(pattern[1:]):
        return _Pattern(negated, dir_only, suffix=pattern[1:])
    return _Pattern(negated, dir_only, name_regex=name_regex(pattern))


def _without_trailing_spaces(line: bytes) -> bytes:
    # An escaped space stays, and so does what precedes it.
    kept = re.match(rb"(?s)(?:\\.?|[^\\ ]| +(?! |\Z))*", line)
    assert kept is not None
    return kept.group()
