import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.loopback.objects.patch import (
    PatchError,
    json_patch,
    merge_patch,
    strategic_merge,
)
from syncd.loopback.objects.schema import root


SPEC = root("V1PodSpec")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k: without_nulls(v) for k, v in value.items() if v is not None}


@given(values, values)
def test_a_merge_patch_leaves_its_arguments_alone(value: Any, patch: Any) -> None:
    before = copy.deepcopy((value, patch))
    merge_patch(value, patch)

    assert (value, patch) == before


@given(values, values)
def test_a_merge_patch_applied_twice_is_applied_once(value: Any, patch: Any) -> None:
    once = merge_patch(value, patch)

    assert merge_patch(once, patch) == once


@given(values, values)
def test_merging_over_nothing_gives_the_patch_without_its_nulls(
    value: Any, patch: Any
) -> None:
    assert merge_patch(None, patch) == without_nulls(patch)


@given(values)
def test_a_json_patch_that_replaces_the_whole_replaces_the_whole(value: Any) -> None:
    assert json_patch(1, [{"op": "replace", "path": "", "value": value}]) == value


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        pytest.param(
            [{"op": "add", "path": "/b", "value": 2}], {"a": [1, 2], "b": 2}, id="add"
        ),
        pytest.param(
            [{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}, id="insert"
        ),
        pytest.param(
            [{"op": "add", "path": "/a/-", "value": 9}], {"a": [1, 2, 9]}, id="append"
        ),
        pytest.param([{"op": "remove", "path": "/a/0"}], {"a": [2]}, id="remove"),
        pytest.param(
            [{"op": "replace", "path": "/a/0", "value": 3}],
            {"a": [3, 2]},
            id="replace",
        ),
        pytest.param(
            [{"op": "move", "from": "/a", "path": "/x"}], {"x": [1, 2]}, id="move"
        ),
        pytest.param(
            [{"op": "copy", "from": "/a/0", "path": "/a~1b~0c"}],
            {"a": [1, 2], "a/b~c": 1},
            id="copy to an escaped name",
        ),
        pytest.param(
            [{"op": "test", "path": "/a/1", "value": 2}], {"a": [1, 2]}, id="test"
        ),
    ],
)
def test_a_json_patch_does(operations: list[dict[str, Any]], result: Any) -> None:
    value = {"a": [1, 2]}

    assert json_patch(value, operations) == result
    assert value == {"a": [1, 2]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/nosuch"},
        {"op": "replace", "path": "/nosuch", "value": 1},
        {"op": "add", "path": "/nosuch/x", "value": 1},
        {"op": "add", "path": "/a/9", "value": 1},
        {"op": "replace", "path": "/a/x", "value": 1},
        {"op": "test", "path": "/a", "value": 1},
        {"op": "remove", "path": ""},
        {"op": "remove", "path": "a"},
        {"op": "nonsense", "path": "/a"},
        {"path": "/a"},
    ],
    ids=str,
)
def test_a_json_patch_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        json_patch({"a": [1, 2]}, [operation])


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


@pytest.mark.parametrize(
    ("old", "patch", "new"),
    [
        pytest.param(
            {"containers": [container("a", image="1"), container("b", image="1")]},
            {"containers": [container("b", image="2")]},
            {"containers": [container("a", image="1"), container("b", image="2")]},
            id="a list with a key merges",
        ),
        pytest.param(
            {"containers": [container("a", args=["x"])]},
            {"containers": [container("a", args=["y"])]},
            {"containers": [container("a", args=["y"])]},
            id="a list without one is replaced",
        ),
        pytest.param(
            {"containers": [container("a"), container("b")]},
            {"containers": [{"$patch": "delete", "name": "a"}]},
            {"containers": [container("b")]},
            id="an element is deleted",
        ),
        pytest.param(
            {"containers": [container("a"), container("b")]},
            {"containers": [{"$patch": "replace"}, container("c")]},
            {"containers": [container("c")]},
            id="a list is replaced",
        ),
        pytest.param(
            {"nodeSelector": {"a": "1"}},
            {"nodeSelector": {"$patch": "replace", "b": "2"}},
            {"nodeSelector": {"b": "2"}},
            id="a map is replaced",
        ),
        pytest.param(
            {"containers": [container("a", image="1", tty=True)]},
            {"containers": [container("a", tty=None)]},
            {"containers": [container("a", image="1")]},
            id="null deletes",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {
                "volumes": [
                    {"name": "v", "$retainKeys": ["name", "secret"], "secret": {}}
                ]
            },
            {"volumes": [{"name": "v", "secret": {}}]},
            id="only retained keys stay",
        ),
        pytest.param(
            {"containers": [container("srv"), container("a"), container("b")]},
            {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
                "containers": [container("b", image="2")],
            },
            {
                "containers": [
                    container("srv"),
                    container("b", image="2"),
                    container("a"),
                ]
            },
            id="the client orders what it knows",
        ),
        pytest.param(
            {"containers": [container("a", ports=[{"containerPort": 1, "name": "x"}])]},
            {"containers": [container("a", ports=[{"containerPort": 2}])]},
            {
                "containers": [
                    container(
                        "a",
                        ports=[{"containerPort": 1, "name": "x"}, {"containerPort": 2}],
                    )
                ]
            },
            id="nested lists merge too",
        ),
    ],
)
def test_a_strategic_merge_does(old: Any, patch: Any, new: Any) -> None:
    before = copy.deepcopy((old, patch))

    assert strategic_merge(old, patch, SPEC) == new
    assert (old, patch) == before


def test_a_strategic_merge_removes_from_a_set() -> None:
    metadata = root("V1ObjectMeta")
    old = {"finalizers": ["a", "b"]}

    removed = strategic_merge(
        old, {"$deleteFromPrimitiveList/finalizers": ["a"]}, metadata
    )
    added = strategic_merge(old, {"finalizers": ["b", "c"]}, metadata)

    assert removed == {"finalizers": ["b"]}
    assert added == {"finalizers": ["a", "b", "c"]}


def test_an_element_without_its_key_is_refused() -> None:
    with pytest.raises(PatchError, match="does not contain declared merge key: name"):
        strategic_merge({}, {"containers": [{"image": "x"}]}, SPEC)
