"""Questions about access: who am I, may I, what may I; and tokens on request."""

from datetime import UTC, datetime
from typing import Any

from syncd.loopback.access.identity import Tokens, User, service_account
from syncd.loopback.access.rbac import Attributes, Rbac
from syncd.loopback.apierror import ApiError
from syncd.loopback.objects.place import Place
from syncd.loopback.objects.registry import Registry
from syncd.loopback.store import now


Body = dict[str, Any]


def _review(kind: str, group: str, body: Body, status: Body) -> Body:
    return {
        "kind": kind,
        "apiVersion": f"{group}/v1",
        "metadata": {},
        "spec": body.get("spec") or {},
        "status": status,
    }


def review(kind: str, rbac: Rbac, tokens: Tokens, user: User, body: Body) -> Body:
    """The answer to a review of that kind."""
    match kind:
        case "SelfSubjectRulesReview":
            return _rules_review(rbac, user, body)
        case "SelfSubjectReview":
            return _self_review(user)
        case "TokenReview":
            return _token_review(tokens, body)
        case _:
            return _access_review(rbac, user, body, kind)


def _access_review(rbac: Rbac, user: User, body: Body, kind: str) -> Body:
    """Whether the caller, or the user that is named, may do something."""
    spec = body.get("spec") or {}
    if kind == "SubjectAccessReview":
        user = User(spec.get("user", ""), frozenset(spec.get("groups") or ()))
    decision = rbac.decide(user, _wanted(spec))
    status: Body = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    return _review(kind, "authorization.k8s.io", body, status)


def _wanted(spec: Body) -> Attributes:
    if path := spec.get("nonResourceAttributes"):
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    resource = spec.get("resourceAttributes") or {}
    return Attributes(
        resource.get("verb", ""),
        resource.get("group", ""),
        resource.get("resource", ""),
        resource.get("subresource", ""),
        resource.get("namespace", ""),
        resource.get("name", ""),
    )


def _rules_review(rbac: Rbac, user: User, body: Body) -> Body:
    """Everything that the caller may do in a namespace."""
    namespace = (body.get("spec") or {}).get("namespace", "")
    rules = rbac.rules_for(user, namespace)
    status = {
        "resourceRules": [rule for rule in rules if "resources" in rule],
        "nonResourceRules": [rule for rule in rules if "nonResourceURLs" in rule],
        "incomplete": False,
    }
    return _review("SelfSubjectRulesReview", "authorization.k8s.io", body, status)


def _self_review(user: User) -> Body:
    """Who the caller is."""
    info = _user_info(user)
    return _review("SelfSubjectReview", "authentication.k8s.io", {}, {"userInfo": info})


def _token_review(tokens: Tokens, body: Body) -> Body:
    """Whose token the given one is."""
    status: Body
    try:
        user = tokens.user((body.get("spec") or {}).get("token", ""))
        status = {"authenticated": True, "user": _user_info(user)}
    except ApiError as exc:
        status = {"authenticated": False, "error": exc.message}
    return _review("TokenReview", "authentication.k8s.io", body, status)


def _user_info(user: User) -> Body:
    info: Body = {"username": user.name, "groups": sorted(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    return info


def token_request(registry: Registry, tokens: Tokens, place: Place, body: Body) -> Body:
    """A token of a service account, as `kubectl create token` asks for one.

    Raises:
        ApiError: 404 if there is no such account; 422 if the life is too short.
    """
    registry.get(place)
    spec = body.get("spec") or {}
    ttl_s = spec.get("expirationSeconds") or 3600
    if ttl_s < 600:
        message = "Invalid value: may not specify a duration less than 10 minutes"
        raise ApiError(
            422,
            "Invalid",
            f'TokenRequest.authentication.k8s.io "" is invalid: '
            f"spec.expirationSeconds: {message}",
        )
    audiences = spec.get("audiences")
    token, expiry = tokens.issue(
        place.namespace, place.name, ttl_s=ttl_s, audiences=audiences
    )
    expires = datetime.fromtimestamp(expiry, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": place.name,
            "namespace": place.namespace,
            "creationTimestamp": now(),
        },
        "spec": {**spec, "expirationSeconds": ttl_s},
        "status": {"token": token, "expirationTimestamp": expires},
    }


def impersonated(user: User, name: str, groups: list[str], rbac: Rbac) -> User:
    """The user that `user` wants to act as.

    Raises:
        ApiError: 403 if `user` may not impersonate.
    """
    rbac.check(user, Attributes("impersonate", resource="users", name=name))
    for group in groups:
        rbac.check(user, Attributes("impersonate", resource="groups", name=group))
    parts = name.split(":")
    if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:
        account = service_account(parts[2], parts[3])
        return User(name, account.groups | set(groups))
    return User(name, frozenset({"system:authenticated", *groups}))
