"""What injecting changes in a workload, and that restoring changes it back."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from syncd.cluster import TargetSpec
from syncd.inject.site import FOLDER, PREFIX, VOLUME, Site


SPEC = TargetSpec("default", "deployment", name="web")
COMMAND = ["uvicorn", "main:app"]
OWNED: dict[str, Any] = {
    "manager": "kubectl",
    "operation": "Apply",
    "apiVersion": "apps/v1",
    "fieldsV1": {
        "f:spec": {
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"app"}': {"f:command": {}, "f:image": {}}
                    }
                }
            }
        }
    },
}


def document(**container: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "web:1", **container}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "uid": "u",
            "annotations": {"mine": "kept"},
            "managedFields": [OWNED],
        },
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def injected(before: Mapping[str, Any], config_map: str = "one") -> dict[str, Any]:
    """Return `before` as the API server would make it of the patch."""
    site = Site.of(SPEC, before)
    body = site.body(site.command or COMMAND, config_map)
    after = copy.deepcopy(dict(before))
    after["metadata"].setdefault("annotations", {})
    after["metadata"]["annotations"] |= body["metadata"]["annotations"]
    pod, patch = after["spec"]["template"]["spec"], body["spec"]["template"]["spec"]
    container = pod["containers"][0]
    container["command"] = patch["containers"][0]["command"]
    for holder, field, more in (
        (container, "volumeMounts", patch["containers"][0]["volumeMounts"]),
        (pod, "volumes", patch["volumes"]),
    ):
        others = [each for each in holder.get(field, ()) if each["name"] != VOLUME]
        holder[field] = [*others, *more]
    return after


WORKLOADS = {
    "a command": document(command=COMMAND),
    "a command and arguments": document(command=COMMAND, args=["--port", "1"]),
    "no command": document(),
    "mounts": document(
        command=COMMAND, volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}]
    ),
}


@pytest.mark.parametrize("before", WORKLOADS.values(), ids=WORKLOADS)
def test_what_is_restored_is_what_was_there(before: dict[str, Any]) -> None:
    original = copy.deepcopy(before)

    after = injected(before)

    assert Site.of(SPEC, after).is_injected
    assert Site.of(SPEC, after).restored() == original
    assert before == original


def test_the_reloader_stands_before_the_command() -> None:
    after = injected(document(command=COMMAND, args=["--port", "1"]))

    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert container["command"] == [*PREFIX, *COMMAND]
    assert container["args"] == ["--port", "1"]
    assert container["volumeMounts"][0]["mountPath"] == FOLDER
    assert Site.of(SPEC, after).is_as(COMMAND, "one")


def test_another_reloader_replaces_it_and_not_the_command() -> None:
    before = document(command=COMMAND)

    twice = injected(injected(before), "two")

    site = Site.of(SPEC, twice)
    assert site.is_as(COMMAND, "two")
    assert not site.is_as(COMMAND, "one")
    assert site.config_map == "two"
    assert site.restored() == before


def test_a_command_that_somebody_else_has_set_since_is_the_one_that_counts() -> None:
    after = injected(document(command=COMMAND))
    after["spec"]["template"]["spec"]["containers"][0]["command"] = ["gunicorn", "a:b"]

    site = Site.of(SPEC, after)

    assert not site.is_injected
    assert site.command == ("gunicorn", "a:b")
    assert site.restored() == document(command=["gunicorn", "a:b"])


def test_the_command_belongs_again_to_who_managed_it() -> None:
    site = Site.of(SPEC, injected(document(command=COMMAND)))
    theirs = copy.deepcopy(OWNED)
    container = theirs["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    del container['k:{"name":"app"}']["f:command"]
    ours = {**OWNED, "manager": site.manager}

    assert site.owned_as_before([theirs, ours]) == [OWNED]


def test_what_is_kept_is_written_on_the_workload() -> None:
    kept = injected(document(command=COMMAND))["metadata"]["annotations"]

    assert json.loads(kept["app.syncd/reloader"]) == {
        "command": COMMAND,
        "owners": [["kubectl", "Apply"]],
    }
