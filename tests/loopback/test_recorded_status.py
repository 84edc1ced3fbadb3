"""A Pod's status, held to what real kubelets wrote, change by change."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.loopback.dialect import Dialect
from syncd.loopback.image import Image

from .lab import BUSYBOX, Lab, open_lab


RECORDINGS = Path(__file__).parents[1] / "recordings" / "loopback"

# Enough of each for every kind of change to be among them.
CHANGES = {"crash": 7, "oom": 7, "never": 9, "pull": 5, "ready": 7, "delete": 9}
COMMANDS = {
    "crash": ["sh", "-c", "exit 4"],
    "oom": ["python3", "-c", "x = []\nwhile 1: x.append(bytearray(4 << 20))"],
    "never": ["sh", "-c", "exit 0"],
    "ready": ["sh", "-c", "while :; do sleep 0.1; done"],
    "delete": [
        "sh",
        "-c",
        'trap "exit 0" TERM; touch /tmp/ready; while :; do sleep 0.05; done',
    ],
}


def read(kind: str, dialect: Dialect) -> dict[str, Any]:
    name = f"{kind}-{dialect.value.removeprefix('v')}.json"
    found: dict[str, Any] = json.loads((RECORDINGS / name).read_text())
    return found


def cases() -> Iterator[Any]:
    for dialect in Dialect:
        events = read("events", dialect)
        for what, case in read("status", dialect).items():
            case["events"] = events.get(what)
            yield pytest.param(dialect, what, case, id=f"{dialect.value} {what}")


@pytest.mark.parametrize(("dialect", "what", "case"), list(cases()))
async def test_a_status_changes_as_the_recorded_one_did(
    tmp_path: Path, dialect: Dialect, what: str, case: dict[str, Any]
) -> None:
    count = CHANGES[what]
    recorded = [plain(status) for status in case["statuses"]]
    expected = without_repeats(recorded)[:count]

    async with open_lab(tmp_path, dialect) as lab:
        uid = lab.add(f"w-{what}", spec_of(lab, what, case))
        await act(lab, uid, what)
        await lab.until(uid, lambda _: len(lab.statuses[uid]) >= len(expected))

    got = [plain(status) for status in without_repeats(lab.statuses[uid])]
    assert got[: len(expected)] == expected
    assert case["events"] in (None, said(lab))


def spec_of(lab: Lab, what: str, case: dict[str, Any]) -> dict[str, Any]:
    container = dict(case["container"])
    if what != "pull":
        tools = "python" if what == "oom" else BUSYBOX
        user = 1000 if what == "delete" else 0
        lab.images[container["image"]] = Image(
            container["image"], tools=tools, user=user, group=user
        )
        container["command"] = COMMANDS[what]
    if what in ("ready", "delete"):
        container["readinessProbe"] = probe("test", "-e", "/tmp/ready")
    volumes = [{"name": m["name"], "emptyDir": {}} for m in container["volumeMounts"]]
    return {
        "restartPolicy": case["restartPolicy"],
        "containers": [container],
        "volumes": volumes,
    }


def probe(*command: str) -> dict[str, Any]:
    return {"exec": {"command": command}, "periodSeconds": 0.05, "failureThreshold": 1}


async def act(lab: Lab, uid: str, what: str) -> None:
    """Do to the Pod what was done to the recorded one."""
    if what == "delete":
        await lab.until(uid, is_ready)
        lab.node.stop(uid, 5)
    if what == "ready":
        for script, ready in (
            ("touch /tmp/ready", True),
            ("rm /tmp/ready", False),
            ("touch /tmp/ready", True),
        ):
            await lab.until(uid, lambda status: status["phase"] == "Running")
            await lab.sh(uid, script)
            await lab.until(uid, lambda s, ready=ready: is_ready(s) == ready)  # type: ignore[misc] # bound at once


def is_ready(status: dict[str, Any]) -> bool:
    return bool(status["containerStatuses"][0]["ready"])


def plain_text(text: str) -> str:
    return re.sub(r"_lab\([^)]*\)", "_rec(ID)", text)


def said(lab: Lab) -> list[list[str]]:
    """The events, each once."""
    every = {tuple(plain_text(text) for text in event[1:4]) for event in lab.events}
    return sorted(list(event) for event in every)


def without_repeats(statuses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [s for i, s in enumerate(statuses) if i == 0 or s != statuses[i - 1]]


def plain(status: dict[str, Any]) -> dict[str, Any]:
    """Without what is another each time, or another cluster's."""
    text = json.dumps(status, sort_keys=True)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"(containerd|loopback)://[0-9a-f]{64}", "ID", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "IMAGE", text)
    text = re.sub(r"10\.88\.0\.1\b|127\.0\.0\.1\b", "HOST", text)
    text = re.sub(r"(10|127)\.\d+\.\d+\.\d+", "POD", text)
    text = re.sub(r"back-off \w+ restarting", "back-off SOME restarting", text)
    text = re.sub(r"_(rec|lab)\([^)]*\)", "_(POD)", text)
    found: dict[str, Any] = json.loads(text)
    # A limit that nobody set, as the control group of a container without one says it.
    if "9007199254740988Ki" in text:
        found["resources"] = {}
    return found
