import pytest

from syncd import events
from syncd.ui.status import Status
from tests.ui.samples import EVENTS, SERVER, TARGET, batch_done


STARTED = EVENTS[0]


def replicas(*names: str) -> events.TargetChanged:
    return events.TargetChanged(
        target=TARGET, replicas=tuple(f"{name}/web" for name in names), skipped={}
    )


def reconciled(pod: str) -> events.SessionReconciled:
    return events.SessionReconciled(
        target=TARGET,
        pod=pod,
        container="web",
        files=0,
        deleted=0,
        bytes=0,
        kept=0,
        failed=0,
        took_ms=1,
    )


def lost(pod: str) -> events.SessionLost:
    return events.SessionLost(
        target=TARGET, pod=pod, container="web", reason="cut", retry_s=1
    )


def after(*seen: events.Event) -> Status:
    status = Status()
    for event in seen:
        status.see(event)
    return status


def test_at_first_it_is_connecting() -> None:
    status = after()

    assert status.text() == "connecting to the cluster"
    assert status.busy
    assert not status.well


def test_without_a_replica_it_waits() -> None:
    assert after(STARTED).text() == "waiting for a container"
    assert after(STARTED, replicas("a"), replicas()).text() == "waiting for a container"


def test_it_counts_the_replicas_that_are_in_step() -> None:
    status = after(STARTED, replicas("a", "b", "c"), reconciled("a"), lost("b"))

    assert status.text() == "1 of 3 replicas in step, 1 connecting, 1 away"
    assert status.busy


def test_it_rests_when_all_are_in_step() -> None:
    status = after(STARTED, replicas("a", "b"), reconciled("a"), reconciled("b"))

    assert status.text() == "2 replicas in step"
    assert status.well
    assert not status.busy


def test_a_replica_that_is_gone_is_not_counted() -> None:
    status = after(
        STARTED,
        replicas("a", "b"),
        reconciled("a"),
        lost("b"),
        replicas("a"),
        lost("b"),
    )

    assert status.text() == "1 replica in step"


def test_a_batch_is_on_the_way_until_it_is_done() -> None:
    settled = events.BatchSettled(
        batch=7, target=TARGET, files=2, deleted=1, settled_ms=1, scanned_ms=1
    )
    status = after(STARTED, replicas("a"), reconciled("a"), settled)

    assert status.text() == "batch 7: 3 paths on the way"
    assert status.busy
    status.see(batch_done())
    assert status.text() == "1 replica in step"


def test_what_is_away_is_said_until_it_is_back() -> None:
    status = after(
        STARTED,
        replicas("a"),
        reconciled("a"),
        events.ApiLost(server=SERVER, reason="refused"),
        events.RootLost(root="/src/app", hint=""),
    )

    assert status.text() == f"no answer from {SERVER}; /src/app is gone"
    assert not status.well
    status.see(events.ApiBack(server=SERVER, away_s=1))
    status.see(events.RootFound(root="/src/app"))
    assert status.well


def test_every_event_is_taken_in() -> None:
    assert after(*EVENTS).text()


REBUILD = {each.name: each for each in EVENTS if each.name.startswith("rebuild.")}


def test_a_rebuild_is_told_beside_the_replicas() -> None:
    steps = [
        ("rebuild.started", "building an image"),
        ("rebuild.progress", "building an image, step 3 of 8"),
        ("rebuild.built", "delivering an image"),
        ("rebuild.rolling", "rolling out"),
        ("rebuild.pods", "rolling out, 0 of 2 new Pods ready"),
    ]
    status = after(STARTED, replicas("a"), reconciled("a"))
    for name, words in steps:
        status.see(REBUILD[name])
        assert status.text() == f"1 replica in step; {words}"
        assert status.busy

    status.see(REBUILD["rebuild.done"])

    assert status.text() == "1 replica in step"
    assert not status.busy


def test_a_rebuild_is_told_where_no_replica_is() -> None:
    status = after(STARTED, REBUILD["rebuild.started"])

    assert status.text() == "waiting for a container; building an image"


@pytest.mark.parametrize("name", ["rebuild.failed", "rebuild.cancelled"])
def test_a_rebuild_that_ended_is_not_told_any_more(name: str) -> None:
    status = after(STARTED, replicas("a"), reconciled("a"), REBUILD["rebuild.started"])

    status.see(REBUILD[name])

    assert status.text() == "1 replica in step"


def test_containers_that_left_their_image_are_told_until_it_is_the_right_one() -> None:
    status = after(STARTED, replicas("a"), reconciled("a"), REBUILD["rebuild.drifted"])

    assert status.text() == "1 replica in step; drifted from the image"
    status.see(REBUILD["rebuild.decided"])
    assert status.text() == "1 replica in step"
