"""On which line of a TOML text a key stands.

`tomllib` gives values without positions. This reads a text that `tomllib` has already
accepted, so it may be loose: it only follows headers, keys, brackets and commas.
"""

import contextlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import NamedTuple


Key = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r]+|\#[^\n]*)
  | (?P<text>\"\"\"(?:\\.|[^\\])*?\"{3,5} | '''.*?'{3,5}
            | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
  | (?P<newline>\n)
  | (?P<mark>[\[\]{}=,.])
  | (?P<bare>[^\s\[\]{}=,.\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def lines(text: str) -> Mapping[Key, int]:
    """Return the line of every key and list item of `text`, counted from 1.

    A text that is not valid gives what could be followed of it.
    """
    reader = _Reader(tuple(_tokens(text)))
    with contextlib.suppress(_End, tomllib.TOMLDecodeError):
        reader.document()
    return reader.lines


def line_of(key: Key, known: Mapping[Key, int]) -> int | None:
    """Return the line of `key`, or of the nearest table around it."""
    for length in range(len(key), 0, -1):
        if key[:length] in known:
            return known[key[:length]]
    return None


def dotted(key: Key) -> str:
    """Return `key` as TOML would be quoted in a sentence: `target[0].sync[1].remote`."""
    name = ""
    for part in key:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            bare = re.fullmatch(r"[\w-]+", part, re.ASCII)
            name += "." * bool(name) + (part if bare else json.dumps(part))
    return name


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "space":
            yield _Token(kind, match.group(), line)
        line += match.group().count("\n")


class _End(Exception):
    """The tokens end, or go on, where a valid text would not."""


class _Reader:
    """Follows the tokens of a valid text and notes where each key begins."""

    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self.lines: dict[Key, int] = {}
        self._tokens = (*tokens, _Token("newline", "\n", 0))
        self._at = 0
        self._counts: dict[Key, int] = {}

    def document(self) -> None:
        table: Key = ()
        while self._at < len(self._tokens) - 1:
            if self._next.kind == "newline":
                self._take()
            elif self._next.text == "[":
                table = self._header()
            else:
                self._pair(table)

    @property
    def _next(self) -> _Token:
        return self._tokens[min(self._at, len(self._tokens) - 1)]

    def _take(self) -> _Token:
        if self._at == len(self._tokens):
            raise _End
        self._at += 1
        return self._tokens[self._at - 1]

    def _header(self) -> Key:
        line = self._take().line
        many = self._next.text == "["
        if many:
            self._take()
        key = self._key()
        if not key:
            raise _End
        *parents, last = key
        while self._next.kind != "newline":
            self._take()
        table: Key = ()
        for part in parents:
            table = self._current((*table, part))
        table = (*table, last)
        if many:
            self._counts[table] = self._counts.get(table, -1) + 1
        self.lines.setdefault(table, line)
        table = self._current(table)
        self.lines.setdefault(table, line)
        return table

    def _current(self, table: Key) -> Key:
        return (*table, self._counts[table]) if table in self._counts else table

    def _key(self) -> list[str]:
        parts = []
        while self._next.kind in ("bare", "text") or self._next.text == ".":
            token = self._take()
            if token.kind == "text":
                parts.append(str(tomllib.loads(f"k = {token.text}")["k"]))
            elif token.kind == "bare":
                parts.append(token.text)
        return parts

    def _pair(self, table: Key) -> None:
        line = self._next.line
        for part in self._key():
            table = (*table, part)
            self.lines.setdefault(table, line)
        self._take()  # the equals sign
        self._value(table)

    def _value(self, key: Key) -> None:
        if self._next.text == "[":
            self._items(key)
        elif self._next.text == "{":
            self._inline_table(key)
        else:
            self._take()
            while self._next.kind != "newline" and self._next.text not in ",]}":
                self._take()

    def _items(self, key: Key) -> None:
        self._take()
        index = 0
        while self._next.text != "]":
            if self._next.kind == "newline" or self._next.text == ",":
                self._take()
                continue
            self.lines[*key, index] = self._next.line
            self._value((*key, index))
            index += 1
        self._take()

    def _inline_table(self, key: Key) -> None:
        self._take()
        while self._next.text != "}":
            if self._next.kind == "newline" or self._next.text == ",":
                self._take()
                continue
            self._pair(key)
        self._take()
