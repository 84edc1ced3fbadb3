from typing import Any

import pytest

from syncd.loopback.access.identity import ANONYMOUS, Tokens, User, service_account
from syncd.loopback.access.rbac import Attributes, Rbac
from syncd.loopback.apierror import ApiError
from syncd.loopback.catalog import catalog
from syncd.loopback.dialect import Dialect
from syncd.loopback.store import Store
from tests.loopback.manifests import binding, role


SERVED = catalog(Dialect.V1_36)
BOB = service_account("app", "bob")
EXEC = Attributes("create", "", "pods", "exec", "app", "web-0")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uids() -> dict[str, str]:
    return {"bob": "1"}


@pytest.fixture
def tokens(clock: Clock, uids: dict[str, str]) -> Tokens:
    return Tokens(lambda _, name: uids.get(name), clock)


@pytest.fixture
def rbac() -> Rbac:
    made = Rbac(Store(), SERVED)
    made.bootstrap()
    return made


def grant(rbac: Rbac, *objects: dict[str, Any]) -> None:
    for obj in objects:
        resource = SERVED.of_kind(obj["apiVersion"], obj["kind"])
        assert resource is not None
        obj["metadata"].setdefault("namespace", "app")
        rbac._store.create(resource, obj)


def test_a_token_says_whose_it_is(tokens: Tokens) -> None:
    assert tokens.user(tokens.issue("app", "bob")[0]) == service_account(
        "app", "bob", "1"
    )
    assert tokens.user(tokens.issue_admin()).is_master


def test_a_token_expires(tokens: Tokens, clock: Clock) -> None:
    token, expiry = tokens.issue("app", "bob", ttl_s=600)
    clock.now = expiry - 1
    tokens.user(token)
    clock.now = expiry

    with pytest.raises(ApiError, match="Unauthorized"):
        tokens.user(token)


@pytest.mark.parametrize("text", ["", "x", "x.y.z", "e30.e30.e30", "\u00e4.b.c"])
def test_what_was_not_issued_here_is_no_token(tokens: Tokens, text: str) -> None:
    with pytest.raises(ApiError, match="Unauthorized"):
        tokens.user(text)


def test_a_token_dies_with_its_account(tokens: Tokens, uids: dict[str, str]) -> None:
    token, _ = tokens.issue("app", "bob")
    uids["bob"] = "2"

    with pytest.raises(ApiError, match="Unauthorized"):
        tokens.user(token)


def test_one_token_or_all_of_them_can_be_revoked(tokens: Tokens) -> None:
    first, second = tokens.issue("app", "bob")[0], tokens.issue("app", "bob")[0]
    tokens.revoke(first)
    tokens.user(second)
    with pytest.raises(ApiError):
        tokens.user(first)
    tokens.revoke_all()
    with pytest.raises(ApiError):
        tokens.user(second)


def test_a_role_grants_what_it_names_to_whom_it_is_bound(rbac: Rbac) -> None:
    grant(rbac, role("exec", ["create"], "pods/exec"), binding("exec", "bob"))

    decision = rbac.decide(BOB, EXEC)
    assert decision.allowed
    assert decision.reason == (
        'RBAC: allowed by RoleBinding "exec/app" of Role "exec" to ServiceAccount '
        '"bob/app"'
    )
    assert not rbac.decide(service_account("app", "eve"), EXEC).allowed


@pytest.mark.parametrize(
    "wanted",
    [
        Attributes("get", "", "pods", "exec", "app"),
        Attributes("create", "", "pods", "", "app"),
        Attributes("create", "", "pods", "attach", "app"),
        Attributes("create", "apps", "pods", "exec", "app"),
        Attributes("create", "", "pods", "exec", "other"),
        Attributes("create", "", "pods", "exec", ""),
    ],
    ids=str,
)
def test_a_role_grants_nothing_else(rbac: Rbac, wanted: Attributes) -> None:
    grant(rbac, role("exec", ["create"], "pods/exec"), binding("exec", "bob"))

    assert not rbac.decide(BOB, wanted).allowed


@pytest.mark.parametrize("resource", ["*", "*/exec", "pods/exec"])
def test_wildcards_cover_subresources(rbac: Rbac, resource: str) -> None:
    grant(rbac, role("all", ["*"], resource), binding("all", "bob"))

    assert rbac.decide(BOB, EXEC).allowed


def test_resource_names_narrow_a_rule(rbac: Rbac) -> None:
    narrow = role("one", ["create"], "pods/exec")
    narrow["rules"][0]["resourceNames"] = ["web-0"]
    grant(rbac, narrow, binding("one", "bob"))

    assert rbac.decide(BOB, EXEC).allowed
    other = Attributes("create", "", "pods", "exec", "app", "web-1")
    assert not rbac.decide(BOB, other).allowed


def test_a_cluster_role_bound_in_a_namespace_holds_there(rbac: Rbac) -> None:
    bound = binding("v", "bob")
    bound["roleRef"] = {"kind": "ClusterRole", "name": "view"}
    grant(rbac, bound)

    assert rbac.decide(BOB, Attributes("list", "", "pods", "", "app")).allowed
    assert not rbac.decide(BOB, Attributes("list", "", "secrets", "", "app")).allowed
    assert not rbac.decide(BOB, Attributes("list", "", "pods")).allowed


def test_a_binding_to_a_role_that_is_not_there_is_said(rbac: Rbac) -> None:
    grant(rbac, binding("nosuch", "bob"))

    with pytest.raises(ApiError) as refused:
        rbac.check(BOB, EXEC)
    assert refused.value.message.endswith(
        'in the namespace "app": RBAC: role.rbac.authorization.k8s.io "nosuch" not found'
    )


@pytest.mark.parametrize(
    ("path", "everybody", "authenticated"),
    [
        ("/healthz", True, True),
        ("/version", True, True),
        ("/apis", False, True),
        ("/apis/apps/v1", False, True),
        ("/metrics", False, False),
    ],
)
def test_paths_are_open_as_they_are_on_every_cluster(
    rbac: Rbac, path: str, everybody: bool, authenticated: bool
) -> None:
    wanted = Attributes("get", path=path)

    assert rbac.decide(ANONYMOUS, wanted).allowed is everybody
    assert rbac.decide(BOB, wanted).allowed is authenticated


def test_masters_may_do_everything(rbac: Rbac) -> None:
    master = User("m", frozenset({"system:masters"}))

    assert rbac.decide(master, EXEC).allowed
    assert rbac.decide(master, Attributes("delete", path="/x")).allowed
