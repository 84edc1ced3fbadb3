"""A requirements file read as pip reads it."""

import pytest
from hypothesis import given, strategies as st

from syncd.rebuild.requirements import included, logical_lines, pep508, requirements


BASE = """\
fastapi>=0.118,<1
uvicorn[standard]>=0.37
psycopg[binary]==3.2.1 ; python_version >= "3.11"
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"# what we need\n\n{BASE}", id="a comment and a blank line"),
        pytest.param(BASE.replace("\n", "  # why\n"), id="comments at the end"),
        pytest.param("\n".join(reversed(BASE.splitlines())), id="another order"),
        pytest.param(
            BASE.replace("fastapi>=0.118,<1", "FastAPI <1, >=0.118"), id="spacing"
        ),
        pytest.param(BASE.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(f"\ufeff{BASE}", id="a byte-order mark"),
        pytest.param(BASE.rstrip(), id="no newline at the end"),
        pytest.param(BASE + BASE, id="everything twice"),
        pytest.param(BASE.replace(">=0.37", " \\\n    >=0.37"), id="a joined line"),
        pytest.param(f"# old: \\\n{BASE}", id="a comment that ends in a backslash"),
        pytest.param(BASE.replace('"3.11"', "'3.11'"), id="other quotes in a marker"),
    ],
)
def test_what_does_not_count(text: str) -> None:
    assert requirements(text) == requirements(BASE)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BASE + "httpx\n", id="added"),
        pytest.param(BASE.replace("fastapi>=0.118,<1\n", ""), id="removed"),
        pytest.param(BASE.replace("0.118", "0.119"), id="repinned"),
        pytest.param(BASE.replace("[standard]", ""), id="another extra"),
        pytest.param(BASE.replace("3.11", "3.12"), id="another marker"),
        pytest.param(BASE + "-r more.txt\n", id="an include"),
        pytest.param(BASE + "--index-url https://pypi.example\n", id="an index"),
        pytest.param(
            BASE.replace("fastapi>", "#fastapi>"), id="a requirement commented out"
        ),
        pytest.param(BASE + "-e ./local\n", id="an editable install"),
        pytest.param(
            f"# \\\n{BASE}httpx", id="added, below a comment with a backslash"
        ),
    ],
)
def test_what_counts(text: str) -> None:
    assert requirements(text) != requirements(BASE)


def test_the_last_index_wins_so_their_order_counts() -> None:
    one, other = "-i https://a.example", "-i https://b.example"

    assert requirements(f"{one}\n{other}") != requirements(f"{other}\n{one}")


def test_the_order_of_hashes_does_not_count_but_each_hash_does() -> None:
    both = "httpx==1 --hash=sha256:aa --hash=sha256:bb"
    turned = "httpx==1 \\\n  --hash=sha256:bb \\\n  --hash=sha256:aa"

    assert requirements(both) == requirements(turned)
    assert requirements(both) != requirements("httpx==1 --hash=sha256:aa")


def test_an_address_keeps_its_fragment() -> None:
    (fact,) = requirements("git+https://x.example/y#egg=y  # a comment")

    assert fact == "git+https://x.example/y#egg=y"


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("-r base.txt", ("base.txt",)),
        ("-rbase.txt", ("base.txt",)),
        ("--requirement=base.txt # as before", ("base.txt",)),
        ("--requirement base.txt", ("base.txt",)),
        ("-c ../limits.txt", ("../limits.txt",)),
        ("--constraint limits.txt", ("limits.txt",)),
        ('-r "with space.txt"', ("with space.txt",)),
        ('-r "unbalanced', ('"unbalanced',)),
        ("-r https://x.example/base.txt", ()),
        ("# -r base.txt", ()),
        ("httpx", ()),
    ],
)
def test_the_files_that_a_file_includes(line: str, paths: tuple[str, ...]) -> None:
    assert included(line) == paths


def test_names_are_spelled_in_one_way() -> None:
    assert pep508("My_Package.X [B,a] >= 1") == "my-package-x[a,b]>=1"
    assert pep508("pkg @ https://x.example/p.whl") == "pkg @ https://x.example/p.whl"
    assert pep508("./not a requirement") == "./not a requirement"


def test_a_joined_line_at_the_end_of_the_file_is_one_too() -> None:
    assert list(logical_lines("httpx \\")) == ["httpx"]


# --- properties ---------------------------------------------------------------------

_names = st.from_regex(r"[a-z][a-z0-9]{0,8}([-_.][a-z0-9]{1,5})?", fullmatch=True)
_pins = st.builds(
    "{}{}".format,
    st.sampled_from(["==", ">=", "~="]),
    st.sampled_from(["1.0", "2.3.4"]),
)
_wanted = st.dictionaries(_names.map(pep508), _pins, min_size=1, max_size=8)
_noise = st.sampled_from(["", "# comment", "   ", "\t# - requests", "# \\"])


def _lines(wanted: dict[str, str]) -> list[str]:
    return [f"{name}{pin}" for name, pin in wanted.items()]


@given(_wanted, st.data())
def test_permuting_commenting_and_reformatting_never_count(
    wanted: dict[str, str], data: st.DataObject
) -> None:
    lines = _lines(wanted)
    other: list[str] = []
    for line in data.draw(st.permutations(lines)):
        name = data.draw(st.sampled_from([line, line.upper(), f"  {line}  "]))
        other += [data.draw(_noise), name + data.draw(st.sampled_from(["", " # why"]))]
    text = data.draw(st.sampled_from(["\n", "\r\n"])).join(other)

    assert requirements(text) == requirements("\n".join(lines))


@given(_wanted, _names.map(pep508), _pins)
def test_adding_removing_and_repinning_always_count(
    wanted: dict[str, str], name: str, pin: str
) -> None:
    before = requirements("\n".join(_lines(wanted)))
    changed = dict(wanted)
    if changed.get(name) == pin:
        del changed[name]
    else:
        changed[name] = pin

    assert requirements("\n".join(_lines(changed))) != before
