import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from syncd.control import (
    BatchStatus,
    ReplicaStatus,
    SkippedStatus,
    Status,
    TargetStatus,
)
from syncd.ui.standing import standing


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


TARGET = TargetStatus(
    target="deployment/myapp",
    namespace="shop",
    replicas=(
        ReplicaStatus(
            pod="myapp-1", container="web", state="in step", image="web:1", ready=True
        ),
    ),
)
STATUS = Status(
    version="1.0",
    project="/src/shop",
    pid=4711,
    since="2026-03-01T14:02:31+00:00",
    phase="running",
    context="k3d-dev",
    server="https://127.0.0.1:6443",
    targets=(TARGET,),
)
BATCH = BatchStatus(
    batch=7,
    at="2026-03-01T14:03:00+00:00",
    files=1,
    deleted=2,
    bytes=2150,
    replicas=1,
    behind=1,
    failed=0,
    settled_ms=10,
    scanned_ms=0.3,
    packed_ms=0.8,
    sent_ms=1.1,
    applied_ms=3.2,
    total_ms=15.4,
)


def said(*, why: bool = False, **changes: object) -> list[str]:
    target = replace(TARGET, **changes)  # type: ignore[arg-type]
    return list(standing(replace(STATUS, targets=(target,)), why=why))[3:]


def test_who_it_is_and_where_come_first() -> None:
    assert list(standing(STATUS)) == [
        "/src/shop: syncd 1.0, process 4711, since 2026-03-01 14:02:31",
        "k3d-dev at https://127.0.0.1:6443",
        "",
        "deployment/myapp in namespace shop",
        "  myapp-1/web  in step       ready  web:1",
        "  no batch yet",
    ]


def test_what_is_not_reached_yet_has_no_targets() -> None:
    lines = list(standing(replace(STATUS, phase="connecting", targets=())))

    assert lines[1:] == ["connecting to the cluster, or reading the folders"]


def test_the_last_batch_is_told_with_its_times() -> None:
    assert said(batch=BATCH)[-1] == (
        "  last batch 7, 2026-03-01 14:03:00: 1 file, 2 deleted, 2.1 KiB → 1 of 2"
        " replicas   settled 10 · scanned 0.3 · packed 0.8 · sent 1.1 · applied 3.2 ms"
        "   15 ms"
    )


def test_why_a_pod_is_left_out_is_told_when_asked() -> None:
    skipped = (SkippedStatus(pod="myapp-0", reason="is leaving"),)

    assert "  1 Pod left out; syncd status --why tells why" in said(skipped=skipped)
    told = said(skipped=skipped, why=True)
    assert "  myapp-0 left out: is leaving" in told
    assert "    synced, for it is a Pod of deployment/myapp and runs" in told


def test_a_drift_from_the_image_is_told_of_the_target_and_of_the_container() -> None:
    ran = replace(TARGET.replicas[0], drift=("pip install x",))
    lines = said(replicas=(ran,), drift="requests 2.32 was added")

    assert "    drifted from its image: pip install x" in lines
    assert "  drifted from the image: requests 2.32 was added" in lines


def test_what_keeps_a_container_is_told_with_its_hint() -> None:
    away = ReplicaStatus(
        pod="a",
        container="web",
        state="refused",
        reason="no shell",
        hint="add one",
        image="web:1",
        restarts=2,
        failing=1,
    )

    assert said(replicas=(away,))[1:4] == [
        "  a/web  refused       not ready  web:1  2 restarts  1 path not equal",
        "    no shell",
        "    hint: add one",
    ]


def test_a_target_with_nobody_says_so() -> None:
    assert said(replicas=(), note="no such Deployment")[1:3] == [
        "  no such Deployment",
        "  no container to sync to",
    ]


def test_nothing_in_a_name_reaches_the_terminal() -> None:
    assert "\x1b" not in "".join(said(note="\x1b[31m"))
