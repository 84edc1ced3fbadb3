"""Whether any rule of any layer could meet a path, asked all at once. Pure.

Nearly every file meets no rule at all. A tree of 100,000 files is only quick to walk if
that is found out with a few look-ups in all, and not with a few for each layer.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from syncd.ignore.rules import Rules


def sieve(layers: Iterable[Rules]) -> Callable[[bytes, bytes], bool]:
    """Return what tells from a name and a path whether a rule could meet it.

    False is certain; True means that the layers must be asked.
    """
    every = list(layers)
    names = frozenset[bytes]().union(*(rules.names for rules in every))
    suffixes = tuple({suffix for rules in every for suffix in rules.suffixes})
    on_name = _any_of([regex for rules in every for regex in rules.name_regexes])
    inside = [r for rules in every if not rules.above for r in rules.path_regexes]
    on_path = _any_of(inside)
    above = [
        (rules.above, _any_of(rules.path_regexes))
        for rules in every
        if rules.above and rules.path_regexes
    ]

    def may_meet(name: bytes, path: bytes) -> bool:
        return (
            name in names
            or name.endswith(suffixes)
            or on_name(name) is not None
            or on_path(path) is not None
            or (bool(above) and any(match(base + path) for base, match in above))
        )

    return may_meet


def _any_of(regexes: Sequence[bytes]) -> Callable[[bytes], re.Match[bytes] | None]:
    joined = b"|".join(b"(?:%s)" % regex for regex in regexes)
    return re.compile(joined or b"(?!)", re.DOTALL).fullmatch
