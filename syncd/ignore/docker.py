"""A .dockerignore file, read as BuildKit reads it. Pure.

Unlike git's, patterns start at the root, one that meets a folder meets all that is in
it, and a `!` pattern takes back paths inside of excluded folders. So what the folders
above met goes down the tree with the walk, as in moby's `patternmatcher`: one bit for
each pattern.
"""

import os
import posixpath
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from syncd.errors import ConfigError
from syncd.ignore.rules import Rule, Standing, lists_names, read_lines


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A cleaned pattern.

    Attributes:
        rule: What it is called where it met a path itself.
        below: What it is called where it met a folder above.
    """

    text: str
    rule: Rule
    below: Rule
    meets: Callable[[str], bool]


class DockerRules:
    """The patterns of one file.

    Args:
        text: The content of the file.
        source: How to call it in explanations.
        above: The sync root relative to the build context, with its slash, or empty.

    Raises:
        ConfigError: If Docker would refuse the file.
    """

    def __init__(self, text: bytes, source: str, *, above: bytes = b"") -> None:
        self._above = os.fsdecode(above)
        self._patterns = tuple(_parse(text, source))
        self._any = _any_of([pattern.text for pattern in self._patterns])
        self._exceptions = [p for p in self._patterns if p.rule.negated]

    def top(self) -> "DockerFolder":
        """Return the rules as they stand in the sync root.

        A root that is excluded itself was asked for by name: its content counts as
        not excluded by that.
        """
        folder = DockerFolder(self, 0)
        parts = self._above.split("/")[:-1]
        for depth in range(len(parts)):
            folder = folder.below("/".join(parts[: depth + 1]))
        return folder.taken_back()

    def meet(self, path: str, inherited: int) -> tuple[Rule | None, int]:
        """Return the deciding rule of a path of the context, and what it met."""
        hit: Rule | None = None
        met = 0
        excluded = False
        for index, pattern in enumerate(self._patterns):
            bit = 1 << index
            if inherited & bit:
                hit = pattern.below
            # A pattern that could not change the verdict is not looked at; what is
            # below is then asked again, one of BuildKit's finer points.
            elif pattern.rule.negated == excluded and pattern.meets(path):
                hit = pattern.rule
            else:
                continue
            met |= bit
            excluded = not hit.negated
        return hit, met

    def inherited(self, met: int) -> Rule | None:
        """Return what decides for a path that meets nothing itself."""
        return self._patterns[met.bit_length() - 1].below if met else None

    def context_path(self, path: bytes) -> str:
        """Return a path of the sync root as a path of the context."""
        return self._above + os.fsdecode(path)

    def is_met(self, path: str) -> bool:
        """Return whether any pattern meets `path` itself."""
        return self._any(path)

    def owns(self, rule: Rule | None) -> bool:
        """Return whether `rule` is one of these."""
        return any(rule in {p.rule, p.below} for p in self._patterns)

    def reach_into(self, folder: bytes) -> bool:
        """Return whether an exception could lie inside of `folder`."""
        parts = self.context_path(folder).split("/")
        return any(_reaches_into(p.text.split("/"), parts) for p in self._exceptions)


@dataclass(frozen=True, slots=True)
class DockerFolder:
    """Docker's rules in one folder: what the folders above it met is known."""

    rules: DockerRules
    met: int

    def may_meet(self, path: bytes) -> bool:
        """Return whether any rule could decide for `path`; False is certain."""
        return bool(self.met) or self.rules.is_met(self.rules.context_path(path))

    def match(self, name: bytes, path: bytes, *, is_dir: bool) -> Rule | None:  # noqa: ARG002  # of no interest to Docker
        """Return the rule that decides for `path`, or None."""
        full = self.rules.context_path(path)
        if not self.rules.is_met(full):
            return self.rules.inherited(self.met)
        return self.rules.meet(full, self.met)[0]

    def enter(self, folder: bytes) -> "DockerFolder":
        """Return the rules as they stand inside of `folder`."""
        return self.below(self.rules.context_path(folder))

    def taken_back(self) -> "DockerFolder":
        """Return the rules for a folder that something stronger takes back.

        If these rules exclude it, what it met no longer counts for its content.
        """
        rule = self.rules.inherited(self.met)
        return DockerFolder(self.rules, 0) if rule and not rule.negated else self

    def may_return(self, folder: bytes, rule: Rule | None) -> bool:
        """Return whether `folder`, excluded by `rule`, could hold an exception to it.

        None can if `rule` is another layer's.
        """
        return self.rules.owns(rule) and self.rules.reach_into(folder)

    def below(self, folder: str) -> "DockerFolder":
        """Return the rules as they stand inside of a folder of the context."""
        if not self.rules.is_met(folder):
            return self
        _, met = self.rules.meet(folder, self.met)
        return self if met == self.met else DockerFolder(self.rules, met)


def _parse(text: bytes, source: str) -> Iterator[_Pattern]:
    for line, where, standing in read_lines(text, source, Standing.PROJECT):
        written = "" if line.startswith(b"#") else os.fsdecode(line).strip()
        cleaned = _cleaned(written)
        if not cleaned:
            continue
        negated = cleaned.startswith("!")
        pattern = cleaned[negated:]
        try:
            meets = _matcher(pattern)
        except (re.error, ValueError) as exc:
            raise _refused(where, written) from exc
        rule = Rule(written, where, standing, negated, lists_names(pattern))
        yield _Pattern(pattern, rule, replace(rule, lists=False), meets)


def _refused(where: str, pattern: str) -> ConfigError:
    return ConfigError(
        f"{where}: Docker refuses the pattern {pattern!r}",
        hint="Mend the pattern or take it out; a literal [ is written \\[.",
    )


def _cleaned(line: str) -> str:
    """Return the pattern that Docker ends up with, its ! included; it cleans twice."""
    negated = line.startswith("!")
    once = _normal(line[negated:].strip())
    if once.startswith("/") and len(once) > 1:
        once = once[1:]
    return _normal(f"!{once}".strip() if negated else once.strip())


def _normal(path: str) -> str:
    return posixpath.normpath(re.sub("/+", "/", path)) if path else ""


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return what Docker makes of a cleaned pattern: a comparison, or a regex."""
    if not pattern:
        raise ValueError(pattern)
    regex, wild = _regex(pattern)
    compiled = _compile(regex)
    if wild:
        return lambda path: compiled.fullmatch(path) is not None
    if pattern.startswith("**"):
        end = pattern[2:]
        return lambda path: path.endswith(end) or (end[:1] == "/" and path == end[1:])
    if pattern.endswith("**"):
        start = pattern[:-2]
        return lambda path: path.startswith(start)
    return lambda path: path == pattern


def _regex(pattern: str) -> tuple[str, bool]:
    """Return `pattern` as a regex, and whether Docker would go by it."""
    out: list[str] = []
    wild = leading = trailing = False
    at = 0
    while at < len(pattern):
        char, rest = pattern[at], pattern[at + 1 :]
        at += 1
        if char == "*" and rest.startswith("*"):
            first = at == 1
            at += 2 if rest[1:2] == "/" else 1
            if at >= len(pattern):
                trailing = not (wild or leading)
                wild = not trailing
                out.append(".*")
            else:
                out.append("(?:.*/)?")
                wild = True
            if first:
                leading, wild, trailing = True, False, False
        elif char in "*?":
            out.append("[^/]*" if char == "*" else "[^/]")
            wild = True
        elif char == "\\":
            if not rest:
                raise ValueError(pattern)
            out.append(re.escape(rest[0]))
            at += 1
            wild = True
        elif char in "[]":
            end = _end_of_class(pattern, at) if char == "[" else None
            out.append(pattern[at - 1 : end] if end else re.escape(char))
            at = end or at
            wild = True
        else:
            out.append(re.escape(char))
    return "".join(out), wild


def _end_of_class(pattern: str, at: int) -> int:
    """Return where the class that opened before `at` ends, by Go's grammar."""
    item = r"(?:\\.|[^]\\-])"
    found = re.compile(rf"\^?(?:{item}(?:-{item})?)+\]", re.DOTALL).match(pattern, at)
    if found is None:
        raise ValueError(pattern)
    return found.end()


def _compile(regex: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        # Go knows no nested sets, of which Python warns.
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(regex)


def _any_of(patterns: list[str]) -> Callable[[str], bool]:
    """Return whether a path meets one of `patterns`, all asked at once."""
    exact: set[str] = set()
    starts: list[str] = []
    ends: list[str] = []
    regexes: list[str] = []
    for pattern in patterns:
        regex, wild = _regex(pattern)
        if wild:
            regexes.append(f"(?:{regex})")
        elif pattern.startswith("**"):
            ends.append(pattern[2:])
            exact.add(pattern.removeprefix("**/"))
        elif pattern.endswith("**"):
            starts.append(pattern[:-2])
        else:
            exact.add(pattern)
    prefixes, suffixes = tuple(starts), tuple(ends)
    search = _compile("|".join(regexes) or "(?!)").fullmatch
    return lambda path: (
        path in exact
        or path.startswith(prefixes)
        or path.endswith(suffixes)
        or search(path) is not None
    )


def _reaches_into(segments: list[str], folder: list[str]) -> bool:
    """Return whether a pattern could meet something inside of `folder`."""
    for segment, part in zip(segments, folder, strict=False):
        if "**" in segment:
            return True
        if _compile(_regex(segment)[0]).fullmatch(part) is None:
            return False
    return len(segments) > len(folder)
