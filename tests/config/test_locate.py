import tomllib

import pytest
from hypothesis import given, strategies as st

from syncd.config.locate import Key, dotted, line_of, lines


TEXT = '''\
# a comment with [brackets] = "and quotes
context = "a # b"
"odd key".sub = 1
list = [
  1, [2, 3],   # ]

  "four",
]
text = """
[[target]]
"""
raw = \'\'\'
x = 1\'\'\'
date = 1979-05-27 07:32:00

[watch]  # a header
quiet_ms = 1.5

[[target]]
sync = [{ local = "a", remote = "/a" },
        { local = "b",
'''

NESTED = """\
[[a]]
[a.b]
c = 1
[[a.d]]
e = { f = [{ g = 1 }], "h.i" = 2 }
[[a]]
[[a.d]]
[[a.d]]
x . y = 3
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        pytest.param(("context",), 2, id="pair"),
        pytest.param(("odd key", "sub"), 3, id="dotted, quoted"),
        pytest.param(("list", 0), 5, id="item"),
        pytest.param(("list", 1, 1), 5, id="item of an item"),
        pytest.param(("list", 2), 7, id="item after a comment"),
        pytest.param(("text",), 9, id="text of several lines"),
        pytest.param(("raw",), 12, id="literal text of several lines"),
        pytest.param(("date",), 14, id="after it"),
        pytest.param(("watch",), 16, id="header"),
        pytest.param(("watch", "quiet_ms"), 17, id="in a table"),
        pytest.param(("target", 0), 19, id="table of a list"),
        pytest.param(("target", 0, "sync", 0, "remote"), 20, id="inline table"),
        pytest.param(("target", 0, "sync", 1, "local"), 21, id="another line"),
        pytest.param(("target", 0, "sync", 1, "remote"), 21, id="what is not there"),
        pytest.param(("target", 1), 19, id="item that is not there"),
        pytest.param(("nowhere",), None, id="nothing like it"),
    ],
)
def test_a_key_is_on_its_line(key: Key, line: int | None) -> None:
    assert line_of(key, lines(TEXT)) == line


@pytest.mark.parametrize(
    ("key", "line"),
    [
        pytest.param(("a", 0, "b", "c"), 3, id="table in a list"),
        pytest.param(("a", 0, "d", 0), 4, id="list in a list"),
        pytest.param(("a", 0, "d", 0, "e", "f", 0, "g"), 5, id="all inline"),
        pytest.param(("a", 0, "d", 0, "e", "h.i"), 5, id="quoted inline"),
        pytest.param(("a", 1, "d", 1, "x", "y"), 9, id="second of a second"),
    ],
)
def test_nested_tables_are_followed(key: Key, line: int) -> None:
    assert tomllib.loads(NESTED)
    assert lines(NESTED)[key] == line


@given(st.text(alphabet="ab[]{}=,.\"'#\\\n 1", max_size=60))
def test_any_text_comes_to_an_end(text: str) -> None:
    found = lines(text)

    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


leaves = st.one_of(
    st.integers(),
    st.booleans(),
    st.sampled_from(['"x"', "'[a]'", '"""\n]\n"""', "1.5", '"#"', "07:32:00"]),
)
keys = st.sampled_from(["a", "b-c", '"d e"', "'f.g'", "1"])
values = st.recursive(
    leaves.map(lambda leaf: str(leaf).lower()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=3).map(
            lambda items: "[\n  " + ",  # a comment ]\n  ".join([*items, "1"]) + ",\n]"
        ),
        st.dictionaries(keys, inner, max_size=3).map(
            lambda table: (
                "{ "
                + ", ".join(f"{key} = {value}" for key, value in table.items())
                + " }"
            )
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=4))
def test_every_key_of_a_valid_text_is_found(document: dict[str, str]) -> None:
    pairs = [f"{key} = {value}" for key, value in document.items()]
    text = "\n".join(pairs)
    parsed = tomllib.loads(text)

    found = lines(text)

    assert set(found) == set(all_keys(parsed, ()))
    at = 1
    for pair, key in zip(pairs, parsed, strict=True):
        assert found[key,] == at
        at += pair.count("\n") + 1


def all_keys(value: object, key: Key) -> list[Key]:
    match value:
        case dict():
            inner = list(value.items())
        case list():
            inner = list(enumerate(value))
        case _:
            inner = []
    return [
        each
        for name, item in inner
        for each in [(*key, name), *all_keys(item, (*key, name))]
    ]


def test_a_key_is_written_as_toml_has_it() -> None:
    key = ("target", 0, "sync", 1, "a b", "x-1_")

    assert dotted(key) == 'target[0].sync[1]."a b".x-1_'
