import pytest

from syncd.loopback.apierror import ApiError
from syncd.loopback.catalog import catalog
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.selectors import field_match, label_match, selector_match


PODS = catalog(Dialect.V1_36).named("pods")


def labelled(**labels: str) -> dict[str, dict[str, dict[str, str]]]:
    return {"metadata": {"labels": labels}}


@pytest.mark.parametrize(
    ("text", "labels", "selected"),
    [
        pytest.param("", {}, True, id="nothing selects all"),
        pytest.param("a=b", {"a": "b"}, True, id="equal"),
        pytest.param("a==b", {"a": "c"}, False, id="unequal"),
        pytest.param("a!=b", {}, True, id="absent is unequal"),
        pytest.param("a!=b", {"a": "b"}, False, id="equal is not unequal"),
        pytest.param("a", {"a": ""}, True, id="exists"),
        pytest.param("!a", {"a": ""}, False, id="exists not"),
        pytest.param("a in (b, c)", {"a": "c"}, True, id="in"),
        pytest.param("a in (b,)", {"a": ""}, True, id="in with an empty one"),
        pytest.param("a notin (b,c)", {"a": "c"}, False, id="not in"),
        pytest.param("a notin (b)", {}, True, id="absent is not in"),
        pytest.param("a=", {"a": ""}, True, id="equal to nothing"),
        pytest.param("n>3", {"n": "12"}, True, id="greater as a number"),
        pytest.param("n<3", {"n": "x"}, False, id="no number compares"),
        pytest.param("a=b,c!=d,e", {"a": "b", "e": ""}, True, id="all clauses"),
        pytest.param("a=b,c=d", {"a": "b"}, False, id="one clause fails"),
        pytest.param("x/y.z=1", {"x/y.z": "1"}, True, id="prefixed key"),
    ],
)
def test_a_label_selector_selects(
    text: str, labels: dict[str, str], selected: bool
) -> None:
    assert label_match(text)(labelled(**labels)) is selected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a===b,!!", "unable to parse requirement: found '=', expected: identifier"),
        ("=a", "unable to parse requirement: found '=', expected: identifier"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a b", "in, notin, =, ==, !=, gt, lt"),
        ("a,", "found '', expected: identifier after ','"),
        ("!a b", "found 'b', expected: ',' or 'end of string'"),
    ],
)
def test_a_bad_label_selector_is_a_bad_request(text: str, message: str) -> None:
    with pytest.raises(ApiError, match=message.replace("(", r"\(").replace(")", r"\)")):
        label_match(text)


def test_a_selector_object_joins_labels_and_expressions() -> None:
    match = selector_match(
        {
            "matchLabels": {"a": "b"},
            "matchExpressions": [
                {"key": "c", "operator": "In", "values": ["d", "e"]},
                {"key": "f", "operator": "DoesNotExist"},
            ],
        }
    )

    assert match(labelled(a="b", c="e"))
    assert not match(labelled(a="b", c="e", f=""))
    assert not match(labelled(a="b"))


def test_an_absent_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selector_match(None)(labelled())
    assert selector_match({})(labelled())


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("metadata.name=box", True),
        ("metadata.name==other", False),
        ("status.phase!=Running,spec.nodeName=", True),
        ("spec.hostNetwork=true", True),
    ],
)
def test_a_field_selector_selects(text: str, selected: bool) -> None:
    pod = {
        "metadata": {"name": "box"},
        "spec": {"hostNetwork": True},
        "status": {"phase": "Pending"},
    }

    assert field_match(text, PODS)(pod) is selected


def test_a_field_that_cannot_be_selected_by_is_named() -> None:
    with pytest.raises(ApiError, match=r"field label not supported: spec\.nosuch"):
        field_match("spec.nosuch=1", PODS)
    with pytest.raises(ApiError, match="can't understand 'nonsense'"):
        field_match("nonsense", PODS)
