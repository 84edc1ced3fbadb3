"""What injecting changes in a workload, and that restoring changes it back."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from syncd.cluster import TargetSpec
from syncd.inject.site import FOLDER, Site, Start


SPEC = TargetSpec("default", "deployment", name="web")
COMMAND = ["uvicorn", "main:app"]
UNDER = ["python3", f"{FOLDER}/reloader.py", "--stay", "--root", "/app", "--"]
OWNED: dict[str, Any] = {
    "manager": "kubectl",
    "operation": "Apply",
    "apiVersion": "apps/v1",
    "fieldsV1": {
        "f:spec": {
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"app"}': {
                            "f:command": {},
                            "f:args": {},
                            "f:image": {},
                        }
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


def start(
    before: Mapping[str, Any],
    *program: str,
    config_map: str = "one",
    spec: TargetSpec = SPEC,
) -> Start:
    """Return how a container is to start whose program the settings name, if they do."""
    return Site.of(spec, before).start(program, ["--root", "/app"], config_map)


def injected(
    before: Mapping[str, Any],
    *program: str,
    config_map: str = "one",
    spec: TargetSpec = SPEC,
) -> dict[str, Any]:
    """Return `before` as the API server would make it of the patch."""
    how = start(before, *program, config_map=config_map, spec=spec)
    body = Site.of(spec, before).body(how)
    after = copy.deepcopy(dict(before))
    after["metadata"].setdefault("annotations", {})
    after["metadata"]["annotations"] |= body["metadata"]["annotations"]
    pod, patch = after["spec"]["template"]["spec"], body["spec"]["template"]["spec"]
    (changes,) = patch["containers"]
    (container,) = (c for c in pod["containers"] if c["name"] == changes["name"])
    merged(container, "volumeMounts", changes.pop("volumeMounts"))
    merged(pod, "volumes", patch["volumes"])
    (kept,) = body["metadata"]["annotations"].values()
    if "args" in json.loads(kept):
        container.pop("args", None)  # ours, unless it is applied again
    container |= changes
    return after


def merged(holder: dict[str, Any], field: str, more: list[dict[str, Any]]) -> None:
    names = [each["name"] for each in more]
    others = [each for each in holder.get(field, ()) if each["name"] not in names]
    holder[field] = [*others, *more]


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


@pytest.mark.parametrize("before", WORKLOADS.values(), ids=WORKLOADS)
def test_what_is_restored_is_what_was_there_before_the_settings_named_a_program(
    before: dict[str, Any],
) -> None:
    named = injected(injected(before), "uvicorn", "main:app")
    no_more = injected(named)

    assert Site.of(SPEC, named).restored() == before
    assert Site.of(SPEC, no_more).restored() == before
    assert Site.of(SPEC, no_more).is_as(start(no_more))


def test_the_reloader_stands_before_the_command() -> None:
    after = injected(document(command=COMMAND, args=["--port", "1"]))

    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert container["command"] == [*UNDER, *COMMAND]
    assert container["args"] == ["--port", "1"]
    assert container["volumeMounts"][0]["mountPath"] == FOLDER
    assert Site.of(SPEC, after).is_as(start(after))
    assert Site.of(SPEC, after).command == tuple(COMMAND)


def test_a_program_that_the_settings_name_gets_none_of_the_containers_arguments() -> (
    None
):
    before = document(command=["sh", "-c"], args=["alembic upgrade head && uvicorn …"])

    after = injected(before, *COMMAND)

    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert [*container["command"], *container["args"]] == [*UNDER, *COMMAND]
    assert not Site.of(SPEC, before).is_as(start(before, *COMMAND))
    assert Site.of(SPEC, after).is_as(start(after, *COMMAND))
    assert not Site.of(SPEC, after).is_as(start(after))


def test_another_reloader_replaces_it_and_not_the_command() -> None:
    before = document(command=COMMAND)

    twice = injected(injected(before), config_map="two")

    site = Site.of(SPEC, twice)
    assert site.is_as(start(twice, config_map="two"))
    assert not site.is_as(start(twice))
    assert not site.is_as(site.start((), ["--cold", "numpy"], "two"))
    assert site.config_map == "two"
    assert site.restored() == before


def test_two_containers_of_one_workload_are_injected_and_restored_each_by_itself() -> (
    None
):
    before = document(command=COMMAND)
    side = {"name": "side", "image": "side:1", "command": COMMAND}
    before["spec"]["template"]["spec"]["containers"].append(side)
    app, other = (
        TargetSpec("default", "deployment", name="web", container=name)
        for name in ("app", "side")
    )

    one = injected(before, spec=app)
    both = injected(one, config_map="two", spec=other)

    assert Site.of(app, both).is_as(start(both, spec=app))
    assert Site.of(other, both).is_as(start(both, config_map="two", spec=other))
    assert Site.of(other, both).restored() == one
    assert Site.of(app, both).restored() == (
        injected(before, config_map="two", spec=other)
    )


def test_a_command_that_somebody_else_has_set_since_is_the_one_that_counts() -> None:
    after = injected(document(command=COMMAND))
    after["spec"]["template"]["spec"]["containers"][0]["command"] = ["gunicorn", "a:b"]

    site = Site.of(SPEC, after)

    assert not site.is_injected
    assert site.command == ("gunicorn", "a:b")
    assert site.restored() == document(command=["gunicorn", "a:b"])


def test_what_was_replaced_belongs_again_to_who_managed_it() -> None:
    before = document(command=COMMAND, args=["--port", "1"])
    site = Site.of(SPEC, injected(before, "gunicorn"))
    theirs = copy.deepcopy(OWNED)
    container = theirs["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    del container['k:{"name":"app"}']["f:command"]
    del container['k:{"name":"app"}']["f:args"]
    ours = {**OWNED, "manager": site.manager}

    assert site.owned_as_before([theirs, ours]) == [OWNED]


def test_what_is_kept_is_written_on_the_workload() -> None:
    kept = injected(document(command=COMMAND))["metadata"]["annotations"]

    assert json.loads(kept["app.syncd/reloader"]) == {
        "command": COMMAND,
        "command of": [["kubectl", "Apply"]],
    }
