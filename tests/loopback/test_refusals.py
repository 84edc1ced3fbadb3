"""Every refusal that real clusters were recorded to give, asked for again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from syncd.loopback.api import lists
from syncd.loopback.dialect import Dialect
from tests.loopback.manifests import account, binding, config, namespace, pod, role
from tests.loopback.plane import Answer, Plane, running


RECORDED = Path(__file__).parent.parent / "recordings" / "loopback-refusals.jsonl"
ACCOUNTS = {
    "sa-none": [],
    "sa-create": ["create"],
    "sa-get": ["get"],
    "sa-both": ["get", "create"],
    "sa-podread": [],
}
REVIEW = {
    "spec": {
        "resourceAttributes": {
            "namespace": "rec",
            "verb": "create",
            "resource": "pods",
            "subresource": "exec",
        }
    }
}
DELETE = {"kind": "DeleteOptions", "apiVersion": "v1"}
UNKNOWN_FIELD = {**config("c2", a="1"), "nosuch": 1}
RENAME = {"spec": {"containers": [{"name": "other", "image": "x"}]}}
MISMATCH = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
    "metadata": {"name": "d"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "c"}},
            "spec": {"containers": [{"name": "x", "image": "x"}]},
        },
    },
}
BODIES: dict[str, Any] = {
    "404 create in missing namespace": config("x"),
    "415 patch content type": {},
    "201 create configmap": config("c1", a="1"),
    "409 AlreadyExists": config("c1", a="1"),
    "409 Conflict (old resourceVersion on PUT)": {
        **config("c1"),
        "metadata": {"name": "c1", "resourceVersion": "1"},
    },
    "409 Conflict (uid precondition on DELETE)": {
        **DELETE,
        "preconditions": {"uid": "00000000-0000-0000-0000-000000000000"},
    },
    "409 Conflict (resourceVersion precondition on DELETE)": {
        **DELETE,
        "preconditions": {"resourceVersion": "1"},
    },
    "400 body not JSON": "{",
    "400 wrong kind": {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}},
    "400 name mismatch on PUT": config("other"),
    "422 patch pod: change container name (strategic merge)": RENAME,
    "422 JSON patch, path missing": [{"op": "remove", "path": "/spec/nosuch"}],
    "422 JSON patch, test fails": [{"op": "test", "path": "/kind", "value": "x"}],
    "400 malformed JSON patch": "[{",
    "422 create pod invalid name": pod("Bad_Name"),
    "422 create deployment selector mismatch": MISMATCH,
    "unknown field, fieldValidation=Strict": UNKNOWN_FIELD,
    "unknown field, default (Warning header)": UNKNOWN_FIELD,
    "server-side apply conflict 1": config("c1", a="2"),
    "eviction refused by a PodDisruptionBudget": {
        "kind": "Eviction",
        "apiVersion": "policy/v1",
        "metadata": {"name": "myapp"},
    },
}
BUDGET = {
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "p"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "myapp"}}},
}
VOLATILE = [
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID"),
    (r"in record \(\d+\)", "in record (N)"),
    (r"current: \d+", "current: N"),
    (r"too old resource version: 1 \(\d+\)", "too old resource version: 1 (N)"),
    (r'("resourceVersion": ?)"\d+"', r'\1"N"'),
    (r"pods/myapp-[^/]+/", "pods/myapp/"),
]


def rows(version: str) -> list[dict[str, Any]]:
    lines = RECORDED.read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["version"] == version]


def steady(text: str) -> str:
    for pattern, stead in VOLATILE:
        text = re.sub(pattern, stead, text)
    return text


def recorded(row: dict[str, Any]) -> tuple[int, Any]:
    """What the real server answered.

    An upgrade is a request that came through to its stream, and so is a refused
    subprotocol, which has no body: what a stream answers is not tested here.
    """
    if row["code"] == 101 or row["body"] is None:
        return 299, None
    if isinstance(row["body"], str):
        return row["code"], steady(row["body"])
    return row["code"], json.loads(steady(json.dumps(row["body"])))


def answered(answer: Answer) -> tuple[int, Any]:
    text = steady(answer.text)
    if answer.code == 299:
        return 299, None
    if "\n{" in text or "json" not in answer.headers["Content-Type"]:
        return answer.code, text
    return answer.code, shortened(json.loads(text))


def shortened(body: dict[str, Any]) -> dict[str, Any]:
    """As much of an answer as was recorded."""
    if "paths" in body:
        return {"paths": "..."}
    if body.get("kind") in {"ConfigMap", "Pod"}:
        return {"kind": body["kind"]}
    if body.get("kind", "").endswith("Review"):
        return {"kind": body["kind"], "status": body["status"]}
    return body


async def furnished(plane: Plane) -> None:
    """The namespaces, accounts and Pods that the recordings were made with."""
    for name in ("rec", "myapp"):
        plane.create(namespace(name))
        await plane.until(
            lambda where=name: plane.all("serviceaccounts", where)  # type: ignore[misc]  # bound now
        )
    for name, verbs in ACCOUNTS.items():
        plane.create(account(name), "rec")
        plane.create(role(name, verbs or ["none"], "pods/exec"), "rec")
        plane.create(binding(name, name), "rec")
    plane.create(role("read", ["get", "list", "watch"], "pods"), "rec")
    plane.create(binding("read", "sa-podread"), "rec")
    plane.create(pod("box"), "rec")
    plane.create(pod("myapp", labels={"app": "myapp"}), "myapp")
    budgets = plane.context.catalog.named("poddisruptionbudgets")
    plane.create({**BUDGET, "apiVersion": budgets.api_version}, "myapp")
    await plane.until(lambda: len(plane.node.statuses) == 2)


def token(plane: Plane, case: str) -> str | None:
    if "anonymous" in case:
        return ""
    if "bad token" in case:
        return "nonsense"
    if found := re.search(r"as (sa-\w+)", case):
        return plane.tokens.issue("rec", found[1])[0]
    return None


async def ask(plane: Plane, row: dict[str, Any]) -> Answer:
    case = row["case"]
    if "after etcd compaction" in case:
        plane.faults.compact()
    body = REVIEW if "SelfSubjectAccessReview" in case else BODIES.get(case)
    path = steady(row["path"])
    async with plane.client(token(plane, case)) as client:
        return await client.send(row["method"], path, body, **row["headers"])


@pytest.mark.parametrize("dialect", Dialect, ids=str)
async def test_refuses_in_the_words_of_the_real_server(
    dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "FUTURE_S", 0.05)
    asked = rows(dialect.value.removeprefix("v"))
    async with running(tmp_path, dialect) as plane:
        await furnished(plane)
        plane.faults.compact()  # the recorded servers had long forgotten revision 1
        answers = {row["case"]: await ask(plane, row) for row in asked}

    assert {case: answered(answer) for case, answer in answers.items()} == {
        row["case"]: recorded(row) for row in asked
    }


@pytest.mark.parametrize("dialect", Dialect, ids=str)
async def test_warns_and_asks_to_retry_in_the_same_headers(
    dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "FUTURE_S", 0.05)
    asked = [r for r in rows(dialect.value.removeprefix("v")) if r["answer"]]
    async with running(tmp_path, dialect) as plane:
        await furnished(plane)
        answers = [await ask(plane, row) for row in asked]

    assert asked
    assert [
        {name: answer.headers.get(name) for name in row["answer"]}
        for row, answer in zip(asked, answers, strict=True)
    ] == [row["answer"] for row in asked]
