import anyio
import pytest
from hypothesis import given, strategies as st

from syncd.loopback.catalog import catalog
from syncd.loopback.dialect import Dialect
from syncd.loopback.store import Event, Gone, Object, Store
from tests.loopback.manifests import config


SERVED = catalog(Dialect.V1_36)
MAPS = SERVED.named("configmaps")
SECRETS = SERVED.named("secrets")
writes = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", ""])))


def written(store: Store, name: str, value: str) -> None:
    """Create, change or (with no value) delete one object."""
    known = store.get(MAPS, "", name)
    if known and not value:
        store.delete(MAPS, known)
    elif known:
        store.replace(MAPS, {**known, "data": {"v": value}})
    elif value:
        store.create(MAPS, config(name, v=value))


def replayed(objects: list[Object], events: list[Event]) -> dict[str, Object]:
    state = {obj["metadata"]["name"]: obj for obj in objects}
    for event in events:
        name = event.after["metadata"]["name"]
        assert state.get(name) == event.before
        if event.type == "DELETED":
            del state[name]
        else:
            state[name] = event.after
    return state


@given(writes, writes)
def test_a_list_and_the_events_since_give_the_present(
    first: list[tuple[str, str]], then: list[tuple[str, str]]
) -> None:
    store = Store()
    for name, value in first:
        written(store, name, value)
    listed, at = store.all(MAPS), store.revision
    for name, value in then:
        written(store, name, value)

    present = {obj["metadata"]["name"]: obj for obj in store.all(MAPS)}
    assert replayed(listed, store.since(at)) == present


@given(writes)
def test_every_write_has_a_revision_of_its_own(done: list[tuple[str, str]]) -> None:
    store = Store()
    for name, value in done:
        written(store, name, value)
    revisions = [event.revision for event in store.since(1)]

    assert revisions == list(range(2, store.revision + 1))


def test_an_object_keeps_its_uid_and_gets_a_new_version() -> None:
    store = Store()
    first = store.create(MAPS, config(v="1"))
    second = store.replace(MAPS, {**first, "data": {"v": "2"}})

    assert first["metadata"]["uid"] == second["metadata"]["uid"]
    assert first["metadata"]["resourceVersion"] != second["metadata"]["resourceVersion"]
    assert first["data"] == {"v": "1"}


def test_writing_the_same_again_is_no_event() -> None:
    store = Store()
    obj = store.create(MAPS, config(v="1"))
    at = store.revision

    assert store.replace(MAPS, dict(obj)) is obj
    assert store.revision == at


def test_a_name_is_free_again_after_a_delete_and_another_object() -> None:
    store = Store()
    first = store.create(MAPS, config())
    store.delete(MAPS, first)
    second = store.create(MAPS, config())

    assert second["metadata"]["uid"] != first["metadata"]["uid"]


def test_the_history_forgets_and_says_so() -> None:
    store = Store(history=3)
    for number in range(5):
        store.create(MAPS, config(f"c{number}"))

    assert len(store.since(store.revision - 3)) == 3
    with pytest.raises(Gone):
        store.since(store.revision - 4)


def test_a_watcher_that_is_up_to_date_survives_a_compaction() -> None:
    store = Store()
    store.create(MAPS, config())
    at = store.revision
    store.compact()
    store.create(SECRETS, {**config("s"), "kind": "Secret"})

    assert [event.resource for event in store.since(at)] == [SECRETS]
    with pytest.raises(Gone):
        store.since(at - 1)


async def test_waiting_ends_with_the_next_write() -> None:
    store = Store()
    seen: list[int] = []

    async def wait() -> None:
        await store.changed(store.revision)
        seen.append(store.revision)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert not seen
        store.create(MAPS, config())

    assert seen == [store.revision]


async def test_waiting_for_what_was_written_already_does_not_wait() -> None:
    store = Store()
    at = store.revision
    store.create(MAPS, config())

    with anyio.fail_after(1):
        await store.changed(at)
