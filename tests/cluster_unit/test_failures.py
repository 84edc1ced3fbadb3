import json
from urllib.parse import urlsplit

import pytest
import yaml

from syncd.cluster.failures import (
    Answer,
    Asked,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    asked,
    refusal,
)
from syncd.errors import SyncdError, TargetError, TransportError
from tests.cluster_unit.recordings import ERRORS, error_of


PODS = Asked("list", "pods", "", "shop")


def answered(status: int, body: object) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {}, raw)


def refused(server: str, case: str) -> SyncdError:
    record = error_of(server, case)
    path = urlsplit(record["path"]).path
    watch = "watch=" in record["path"]
    body = record["body"].encode()
    return refusal(
        asked(record["method"], path, watch=watch), Answer(record["status"], {}, body)
    )


@pytest.mark.parametrize(
    "record", ERRORS, ids=[f"{r['server']}-{r['case']}" for r in ERRORS]
)
def test_every_recorded_error_is_one_sentence(record: dict[str, str]) -> None:
    error = refused(record["server"], record["case"])

    assert isinstance(error, TargetError | TransportError)
    assert "\n" not in str(error)
    assert len(str(error)) > 10


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/namespaces/x/pods", Asked("list", "pods", "", "x")),
        ("GET", "/api/v1/namespaces/x/pods/p", Asked("get", "pods", "", "x", "p")),
        (
            "GET",
            "/api/v1/namespaces/x/pods/p/log",
            Asked("get", "pods/log", "", "x", "p"),
        ),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/x/deployments/d",
            Asked("patch", "deployments", "apps", "x", "d"),
        ),
        ("POST", "/api/v1/namespaces/x/pods", Asked("create", "pods", "", "x")),
        ("DELETE", "/api/v1/nodes/n", Asked("delete", "nodes", "", "", "n")),
        ("GET", "/api/v1/namespaces/x", Asked("get", "namespaces", "", "", "x")),
        ("GET", "/api/v1/pods", Asked("list", "pods")),
        ("GET", "/version", Asked("GET", "/version")),
    ],
)
def test_a_path_is_read_as_the_authorizer_does(
    method: str, path: str, expected: Asked
) -> None:
    assert asked(method, path) == expected


def test_a_watch_is_a_verb_of_its_own() -> None:
    assert asked("GET", "/api/v1/namespaces/x/pods", watch=True).verb == "watch"


@pytest.mark.parametrize("server", ["1.20.2", "1.36.2"])
def test_a_denial_names_account_verb_resource_and_namespace(server: str) -> None:
    error = refused(server, "403 list pods as sa-none")

    assert isinstance(error, Forbidden)
    assert str(error) == (
        'account system:serviceaccount:rec:sa-none may not list pods in namespace "rec"'
    )


def rule_in(error: SyncdError) -> object:
    text = error.hint[error.hint.index("{") : error.hint.index("}") + 1]
    return yaml.safe_load(text)


@pytest.mark.parametrize(
    ("server", "case"),
    [
        ("1.20.2", "exec websocket v5,v4 as sa-none"),
        ("1.36.2", "exec websocket v5,v4 as sa-none"),
        ("1.36.2", "exec websocket v5,v4 as sa-create"),
        ("1.36.2", "exec websocket v5,v4 as sa-get"),
    ],
)
def test_the_hint_for_exec_is_a_rule_that_grants_get_and_create(
    server: str, case: str
) -> None:
    error = refused(server, case)

    assert isinstance(error, Forbidden)
    assert rule_in(error) == {
        "apiGroups": [""],
        "resources": ["pods/exec"],
        "verbs": ["get", "create"],
    }
    assert 'a Role in namespace "rec"' in error.hint


def test_a_denial_without_a_reason_still_names_what_was_asked() -> None:
    error = refused("1.36.2", "exec websocket v5,v4 as sa-get")

    assert 'pods/exec "box" in namespace "rec"' in str(error)


def test_the_rule_for_a_patch_is_the_verb_and_what_else_is_needed() -> None:
    denied = (
        'deployments.apps "d" is forbidden: User "u" cannot patch resource'
        ' "deployments" in API group "apps" in the namespace "x"'
    )
    error = refusal(PODS, answered(403, {"message": denied}))

    assert rule_in(error) == {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "verbs": ["get", "list", "watch", "patch"],
    }


def test_a_denial_at_the_cluster_scope_needs_a_cluster_role() -> None:
    error = refused("1.20.2", "403 list pods cluster-wide as sa-podread")

    assert error.hint.startswith("a ClusterRole with the rule")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            'pods "p" is forbidden: exceeded quota: pods=1',
            "exceeded quota: pods=1",
        ),
        (
            'pods "p" is forbidden: cannot exec into a privileged container',
            "cannot exec into a privileged container",
        ),
        ("blocked by the gateway", "blocked by the gateway"),
    ],
)
def test_a_403_that_no_role_mends_has_no_role_in_its_hint(
    message: str, said: str
) -> None:
    error = refusal(PODS, answered(403, {"message": message}))

    assert str(error).endswith(said)
    assert error.hint == ""


def test_what_is_not_found_is_named() -> None:
    error = refused("1.20.2", "404 pod")

    assert isinstance(error, NotFound)
    assert str(error) == (
        'cannot get pods "nopod" in namespace "rec": pods "nopod" not found'
    )
    assert error.hint == ""


@pytest.mark.parametrize(
    "body", [b"404 page not found\n", b"<html>nginx</html>", b"", {"paths": []}]
)
def test_a_404_from_something_else_doubts_the_address(body: object) -> None:
    error = refusal(PODS, answered(404, body))

    assert isinstance(error, NotFound)
    assert "is this not Kubernetes?" in error.hint
    assert "html" not in str(error)


@pytest.mark.parametrize("case", ["400 bad label selector", "415 patch content type"])
def test_a_request_that_means_nothing_is_not_tried_again(case: str) -> None:
    assert isinstance(refused("1.36.2", case), Invalid)


@pytest.mark.parametrize(
    ("case", "status", "reason"),
    [
        ("409 AlreadyExists", 409, "AlreadyExists"),
        ("410 list with exact old resourceVersion", 410, "Expired"),
        ("504/timeout: list resourceVersion too large", 504, "Timeout"),
    ],
)
def test_what_time_may_mend_keeps_status_and_reason(
    case: str, status: int, reason: str
) -> None:
    error = refused("1.20.2", case)

    assert isinstance(error, Refused)
    assert (error.status, error.reason) == (status, reason)


def test_a_long_message_is_cut() -> None:
    error = refusal(PODS, answered(500, {"message": "x" * 100_000}))

    assert len(str(error)) < 3000


@pytest.mark.parametrize("body", [b"\xff", b"{", b"[]", b'"x"', {"message": 1}])
def test_no_body_breaks_the_translation(body: object) -> None:
    assert isinstance(refusal(PODS, answered(500, body)), Refused)
