"""How kubectl words ages and the state of a Pod."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.loopback.api.printers import PRINTERS
from syncd.loopback.api.wording import age, pod_status
from syncd.loopback.readiness import why_not


def ago(seconds: float) -> str:
    moment = datetime.now(UTC) - timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (7 * 3600 + 120, "7h2m"),
        (8 * 3600, "8h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (8 * 86400, "8d"),
        (400 * 86400, "400d"),
    ],
)
def test_an_age_has_one_unit_or_two(seconds: float, shown: str) -> None:
    assert age(ago(seconds + 0.2)) == shown


def test_no_time_has_no_age() -> None:
    assert age(None) == "<unknown>"


def seen(
    *states: dict[str, Any], phase: str = "Running", **more: Any
) -> dict[str, Any]:
    """A Pod whose containers are in these states."""
    metadata = {"name": "box", "creationTimestamp": ago(5), **more}
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "c"} for _ in states]},
        "status": {
            "phase": phase,
            "containerStatuses": [
                {"ready": "running" in state, "restartCount": 0, "state": state}
                for state in states
            ],
        },
    }


RUNNING: dict[str, Any] = {"running": {}}


@pytest.mark.parametrize(
    ("pod", "shown"),
    [
        pytest.param(seen(phase="Pending"), "Pending", id="no status yet"),
        pytest.param(
            seen({"waiting": {"reason": "CrashLoopBackOff"}}),
            "CrashLoopBackOff",
            id="waiting",
        ),
        pytest.param(
            seen({"terminated": {"reason": "OOMKilled", "exitCode": 137}}),
            "OOMKilled",
            id="ended for a reason",
        ),
        pytest.param(
            seen({"terminated": {"exitCode": 3}}), "ExitCode:3", id="ended with a code"
        ),
        pytest.param(
            seen({"terminated": {"exitCode": 137, "signal": 9}}),
            "Signal:9",
            id="ended by a signal",
        ),
        pytest.param(
            seen({"terminated": {"reason": "Completed"}}, RUNNING),
            "NotReady",
            id="one of two is done",
        ),
        pytest.param(
            seen(RUNNING, deletionTimestamp=ago(1)), "Terminating", id="leaving"
        ),
        pytest.param(
            seen(
                {"terminated": {"reason": "Completed"}},
                phase="Succeeded",
                deletionTimestamp=ago(1),
            ),
            "Completed",
            id="leaving and done",
        ),
    ],
)
def test_a_pod_is(pod: dict[str, Any], shown: str) -> None:
    assert pod_status(pod) == shown


def test_restarts_tell_when_the_last_one_was() -> None:
    pod = seen(RUNNING, RUNNING)
    first, second = pod["status"]["containerStatuses"]
    first |= {"restartCount": 2, "lastState": {"terminated": {"finishedAt": ago(125)}}}
    second |= {"restartCount": 1, "lastState": {"terminated": {"finishedAt": ago(30)}}}
    cells = PRINTERS["Pod"].cells(pod)

    assert cells[:2] == ["box", "2/2"]
    assert cells[3] == "3 (30s ago)"


def test_what_keeps_pods_from_being_ready_is_one_line() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}

    assert why_not([seen(waiting)]) == "box is ErrImagePull (no such image)"
    assert why_not([]) == "there are no Pods"
