from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.loopback.apierror import ApiError
from syncd.loopback.catalog import catalog
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects import fieldset, managed
from syncd.loopback.objects.managed import Writer
from syncd.loopback.objects.schema import root
from syncd.loopback.store import Object
from tests.loopback.manifests import config, deployment, pod


SERVED = catalog(Dialect.V1_36)
MAPS = SERVED.named("configmaps")
DEPLOYMENTS = SERVED.named("deployments")
ONE = Writer("one", "Apply", "v1")
TWO = Writer("two", "Apply", "v1")
EDITOR = Writer("editor", "Update", "v1")
names = st.sampled_from("abcde")
datas = st.dictionaries(names, st.sampled_from("12"), max_size=5)
paths = st.frozensets(
    st.lists(names.map("f:{}".format), min_size=1, max_size=3).map(tuple)
)


def apply(
    live: Object | None, writer: Writer, data: dict[str, str], *, force: bool = False
) -> Object:
    return managed.apply(MAPS, live, config(**data), writer, force=force)


def owned(obj: Object) -> dict[str, set[str]]:
    """Which data keys each manager owns."""
    return {
        owner.writer.manager: {
            path[1].removeprefix("f:") for path in owner.paths if len(path) == 2
        }
        for owner in managed.owners(obj)
    }


@given(paths)
def test_a_set_of_fields_survives_its_notation(found: fieldset.FieldSet) -> None:
    assert fieldset.from_json(fieldset.to_json(found)) == found


@given(datas, datas)
def test_what_one_manager_applies_is_what_there_is(
    first: dict[str, str], second: dict[str, str]
) -> None:
    obj = apply(apply(None, ONE, first), ONE, second)

    assert obj.get("data", {}) == second


@given(datas, datas)
def test_two_managers_that_force_get_what_both_want_the_later_winning(
    first: dict[str, str], second: dict[str, str]
) -> None:
    obj = apply(apply(None, ONE, first), TWO, second, force=True)

    assert obj["data"] == {**first, **second}


@given(datas, datas)
def test_a_manager_that_applies_nothing_takes_only_its_own_with_it(
    first: dict[str, str], second: dict[str, str]
) -> None:
    both = apply(apply(None, ONE, first), TWO, second, force=True)
    left = apply(both, TWO, {})

    assert set(left.get("data", {})) == owned(left).get("one", set())


def test_a_field_of_another_is_a_conflict_that_names_both() -> None:
    live = apply(None, ONE, {"a": "1"})

    with pytest.raises(ApiError) as refused:
        apply(live, TWO, {"a": "2"})

    assert refused.value.code == 409
    assert refused.value.message == (
        'Apply failed with 1 conflict: conflict with "one" using v1: .data.a'
    )


def test_agreeing_on_a_value_is_no_conflict_and_shares_the_field() -> None:
    both = apply(apply(None, ONE, {"a": "1"}), TWO, {"a": "1"})
    left = apply(both, ONE, {})

    assert owned(both) == {"one": {"a"}, "two": {"a"}}
    assert left["data"] == {"a": "1"}


def test_forcing_takes_the_field_away_from_its_owner() -> None:
    obj = apply(apply(None, ONE, {"a": "1", "b": "1"}), TWO, {"a": "2"}, force=True)

    assert obj["data"] == {"a": "2", "b": "1"}
    assert owned(obj) == {"one": {"b"}, "two": {"a"}}


def test_an_update_owns_what_it_changed_and_no_more() -> None:
    live = apply(None, ONE, {"a": "1", "b": "1"})
    after = {**live, "data": {"a": "2", "b": "1", "c": "3"}}
    after = managed.record_update(MAPS, live, after, EDITOR)

    assert owned(after) == {"one": {"b"}, "editor": {"a", "c"}}


def test_who_writes_may_say_who_owns_what() -> None:
    live = apply(apply(None, ONE, {"a": "1"}), TWO, {"b": "1"})
    one, _ = live["metadata"]["managedFields"]

    def given(entries: object) -> dict[str, set[str]]:
        after = {**live, "metadata": {**live["metadata"], "managedFields": entries}}
        before = managed.as_given(live, after)
        return owned(managed.record_update(MAPS, before, after, EDITOR))

    assert given([one]) == {"one": {"a"}}
    assert given([{}]) == {}
    assert given([{"manager": "nonsense"}]) == owned(live)


def test_an_update_that_changes_nothing_leaves_no_trace() -> None:
    live = apply(None, ONE, {"a": "1"})
    metadata = {k: v for k, v in live["metadata"].items() if k != "managedFields"}
    again = managed.record_update(MAPS, live, {**live, "metadata": metadata}, EDITOR)

    assert again == live


def test_many_updaters_are_kept_as_few_entries() -> None:
    obj = apply(None, ONE, {"a": "1"})
    for number in range(20):
        data = {**obj["data"], f"k{number}": "x"}
        writer = Writer(f"m{number}", "Update", "v1")
        obj = managed.record_update(MAPS, obj, {**obj, "data": data}, writer)

    managers = list(owned(obj))
    assert len(managers) == 11
    assert managed.ANCIENT in managers


def test_a_struct_that_gets_its_first_field_stays() -> None:
    pods = SERVED.named("pods")
    plain, sized = pod(), pod()
    plain["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    sized["spec"]["volumes"] = [{"name": "v", "emptyDir": {"medium": "Memory"}}]
    live = managed.apply(pods, None, plain, ONE, force=False)

    assert managed.apply(pods, live, sized, ONE, force=False)["spec"] == sized["spec"]


def web(**container: Any) -> Object:
    obj = deployment()
    obj["spec"]["template"]["spec"]["containers"][0].update(container)
    return obj


def test_elements_of_keyed_lists_are_merged_by_their_keys() -> None:
    mine = web(env=[{"name": "A", "value": "1"}])
    theirs = {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web"},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "web", "env": [{"name": "B", "value": "2"}]}
                    ]
                }
            }
        },
    }
    live = managed.apply(DEPLOYMENTS, None, mine, ONE, force=False)
    both = managed.apply(DEPLOYMENTS, live, theirs, TWO, force=False)
    (container,) = both["spec"]["template"]["spec"]["containers"]

    assert container["env"] == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
    ]
    assert container["image"] == "web:1"


def test_taking_over_one_image_owns_one_image() -> None:
    live = managed.apply(DEPLOYMENTS, None, web(), ONE, force=False)
    change = {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web"},
        "spec": {
            "template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}
        },
    }
    with pytest.raises(ApiError) as refused:
        managed.apply(DEPLOYMENTS, live, change, TWO, force=False)
    forced = managed.apply(DEPLOYMENTS, live, change, TWO, force=True)

    assert refused.value.message.endswith(
        '.spec.template.spec.containers[name="web"].image'
    )
    assert managed.owners(forced)[-1].paths == fieldset.fields(
        change, root("V1Deployment")
    )
