"""git's patterns as regular expressions over bytes. Pure.

This follows git's `wildmatch.c` and the shortcuts that `dir.c` takes around it, to the
byte: a property test holds it to `git check-ignore`. pathspec's translation was tried
first; `docs/decisions/0003-own-gitignore.md` says why it is not used here.
"""

import re


_SPECIAL = re.compile(rb"[*?\[\\]")
_ASCII = range(0x80)
_CLASSES = {
    b"alnum": frozenset(c for c in _ASCII if chr(c).isalnum()),
    b"alpha": frozenset(c for c in _ASCII if chr(c).isalpha()),
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset([*range(0x20), 0x7F]),
    b"digit": frozenset(b"0123456789"),
    b"graph": frozenset(range(0x21, 0x7F)),
    b"lower": frozenset(c for c in _ASCII if chr(c).islower()),
    b"print": frozenset(range(0x20, 0x7F)),
    b"punct": frozenset(c for c in range(0x21, 0x7F) if not chr(c).isalnum()),
    # git's own isspace() knows neither vertical tab nor form feed.
    b"space": frozenset(b" \t\n\r"),
    b"upper": frozenset(c for c in _ASCII if chr(c).isupper()),
    b"xdigit": frozenset(b"0123456789abcdefABCDEF"),
}
_OPEN, _CLOSE, _DASH, _ESCAPE = b"[]-\\"


class NeverMatches(ValueError):
    """The pattern is broken in a way that git answers by matching nothing."""


def is_literal(pattern: bytes) -> bool:
    """Return whether `pattern` holds no wildcard and no escape."""
    return _SPECIAL.search(pattern) is None


def name_regex(pattern: bytes) -> bytes:
    """Return a regular expression for the last part of a path.

    Raises:
        NeverMatches: If no name can match.
    """
    return _translate(pattern, across=b".*")


def path_regex(pattern: bytes) -> bytes:
    """Return a regular expression for a path below the pattern's folder.

    Raises:
        NeverMatches: If no path can match.
    """
    # git compares the literal beginning apart and globs the rest as if it were a
    # pattern of its own: so the stars of `foo**/bar` count as leading ones.
    special = _SPECIAL.search(pattern)
    start = special.start() if special else len(pattern)
    return re.escape(pattern[:start]) + _translate(pattern[start:], across=b"[^/]*")


def _translate(glob: bytes, *, across: bytes) -> bytes:
    out: list[bytes] = []
    at = 0
    while at < len(glob):
        match glob[at : at + 1]:
            case b"*":
                part, at = _stars(glob, at, across)
            case b"?":
                part, at = b"[^/]", at + 1
            case b"[":
                part, at = _bracket(glob, at + 1)
            case b"\\":
                if at + 1 == len(glob):
                    raise NeverMatches(glob)
                part, at = re.escape(glob[at + 1 : at + 2]), at + 2
            case other:
                part, at = re.escape(other), at + 1
        out.append(part)
    return b"".join(out)


def _stars(glob: bytes, at: int, across: bytes) -> tuple[bytes, int]:
    end = at
    while glob[end : end + 1] == b"*":
        end += 1
    rest = glob[end : end + 2]
    whole_part = at == 0 or glob[at - 1 : at] == b"/"
    if end - at < 2 or not whole_part:
        return across, end
    if rest[:1] == b"/":
        return b"(?:.*/)?", end + 1
    if rest in {b"", b"\\/"}:
        return b".*", end
    return across, end


def _bracket(glob: bytes, at: int) -> tuple[bytes, int]:
    negated = glob[at : at + 1] in {b"!", b"^"}
    members, end = _members(glob, at + negated)
    if negated:
        members = set(range(0x100)) - members
    members.discard(ord("/"))
    if not members:
        raise NeverMatches(glob)
    return b"[%s]" % b"".join(b"\\x%02x" % c for c in sorted(members)), end


def _members(glob: bytes, at: int) -> tuple[set[int], int]:
    """Return what a bracket expression holds, and where the pattern goes on."""
    members: set[int] = set()
    start, before = at, 0
    while at < len(glob):
        char = glob[at]
        following = glob[at + 1 : at + 2]
        if char == _CLOSE and at > start:
            return members, at + 1
        if char == _OPEN and following == b":":
            found, at, before = _named_class(glob, at)
            members |= found
        elif char == _DASH and before and following not in {b"", b"]"}:
            high, at = _literal(glob, at + 1)
            members.update(range(before, high + 1))
            before = 0
        else:
            before, at = _literal(glob, at)
            members.add(before)
        at += 1
    raise NeverMatches(glob)


def _literal(glob: bytes, at: int) -> tuple[int, int]:
    """Return the character at `at`, an escape undone, and where it ends."""
    if glob[at] == _ESCAPE:
        at += 1
    if at == len(glob):
        raise NeverMatches(glob)
    return glob[at], at


def _named_class(glob: bytes, at: int) -> tuple[frozenset[int], int, int]:
    """Return the members of `[:name:]`, where it ends, and what a dash would follow."""
    end = glob.find(b"]", at + 2)
    if end < 0:
        raise NeverMatches(glob)
    if end < at + 3 or glob[end - 1 : end] != b":":
        return frozenset([_OPEN]), at, _OPEN
    try:
        return _CLASSES[glob[at + 2 : end - 1]], end, 0
    except KeyError:
        raise NeverMatches(glob) from None
