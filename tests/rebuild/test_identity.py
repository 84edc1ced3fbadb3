import pytest
from hypothesis import given, strategies as st

from syncd.rebuild.identity import Identity, differences, tag, why_not


ONE = Identity({"requirements.txt": ("a", "b"), "Dockerfile": ("FROM x",)})


def test_the_digest_is_that_of_the_facts_in_any_order_of_files() -> None:
    turned = Identity({path: ONE.forms[path] for path in sorted(ONE.forms)})

    assert turned.digest == ONE.digest
    assert len(ONE.digest) == 64


def test_the_digest_is_the_same_on_every_machine_and_tomorrow() -> None:
    assert ONE.tag == "syncd-de4589dd255e"


@pytest.mark.parametrize(
    "forms",
    [
        pytest.param({"requirements.txt": ("a", "b")}, id="a file less"),
        pytest.param({**ONE.forms, "x": ()}, id="an empty file more"),
        pytest.param({**ONE.forms, "Dockerfile": ("FROM y",)}, id="another fact"),
        pytest.param({**ONE.forms, "Dockerfile": ("FROM", "x")}, id="a fact in two"),
    ],
)
def test_other_facts_are_another_image(forms: dict[str, tuple[str, ...]]) -> None:
    assert Identity(forms).digest != ONE.digest


def test_the_tag_is_short_and_never_latest() -> None:
    assert tag("0123456789abcdef") == "syncd-0123456789ab"


def test_a_name_that_is_no_utf_8_has_a_digest_too() -> None:
    assert Identity({"caf\udce9.txt": ("\udcff",)}).digest


def test_a_difference_names_what_came_and_what_went() -> None:
    new = Identity({"requirements.txt": ("a", "c>=1"), "Dockerfile": ("FROM x",)})

    (difference,) = differences(ONE, new)

    assert str(difference) == "requirements.txt: + c>=1, - b"


def test_a_difference_names_a_few_of_many() -> None:
    new = Identity({**ONE.forms, "uv.lock": tuple(map(str, range(9)))})

    (difference,) = differences(ONE, new)

    assert str(difference) == "uv.lock: + 0, + 1, + 2, + 3, 5 more"


def test_a_difference_in_order_alone_is_named_as_that() -> None:
    new = Identity({**ONE.forms, "requirements.txt": ("b", "a")})

    assert [str(each) for each in differences(ONE, new)] == [
        "requirements.txt: in another order"
    ]


def test_a_file_that_is_gone_is_a_difference() -> None:
    new = Identity({"Dockerfile": ("FROM x",)})

    assert [str(each) for each in differences(ONE, new)] == [
        "requirements.txt: - a, - b"
    ]


def test_a_locked_package_is_named_by_name_and_version() -> None:
    fact = '{"name":"idna","version":"3.10","wheels":[]}'
    odd = '{"name":"idna"}'
    new = Identity({**ONE.forms, "uv.lock": (fact, odd, "x" * 80)})

    (difference,) = differences(ONE, new)

    assert str(difference) == f"uv.lock: + idna 3.10, + {odd}, + {'x' * 59}…"


@pytest.mark.parametrize(
    ("edited", "why"),
    [
        (["requirements.txt"], "only comments, blank lines, order or spelling changed"),
        (
            ["requirements.txt", "sub/requirements-dev.txt"],
            "only comments, blank lines, order or spelling changed",
        ),
        (["uv.lock", "Dockerfile"], "nothing that an image is built from changed"),
        (["deps.txt"], "nothing that an image is built from changed"),
    ],
)
def test_why_an_edit_does_not_count(edited: list[str], why: str) -> None:
    assert why_not(edited) == why


_forms = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.lists(st.text(max_size=5)).map(tuple),
    max_size=4,
)


@given(_forms, _forms)
def test_two_identities_differ_exactly_where_their_digests_do(
    one: dict[str, tuple[str, ...]], two: dict[str, tuple[str, ...]]
) -> None:
    found = differences(Identity(one), Identity(two))

    assert bool(found) == (Identity(one).digest != Identity(two).digest)
