"""What the API server's refusals mean, who must act, and what to do about it.

    TransportError
    ├── Unreachable      no answer at all: the address, TLS, time
    ├── Unauthorized     401, with credentials that were just read again
    ├── Refused          any other answer that time may mend: 409, 410, 429, 5xx
    └── NotRunning       the container, or its Pod, is not there (any more)
    TargetError
    ├── Forbidden        403: a Role is missing, and the hint says which rule
    ├── NotFound         404
    ├── Invalid          400, 405, 415, 422: the request means nothing to this server
    └── CommandNotFound  the container has no such program, or may not run it

Pure: an answer in, an error out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.errors import SyncdError, TargetError, TransportError


class Unreachable(TransportError):
    """No answer came from the API server."""


class Unauthorized(TransportError):
    """The API server does not know us; retried, since people sign in again."""


class Refused(TransportError):
    """The API server answered with an error that may pass.

    Attributes:
        status: The HTTP status.
        reason: The machine-readable word of Kubernetes, such as "Expired", or "".
    """

    def __init__(
        self, message: str, *, status: int, reason: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


class NotRunning(TransportError):
    """The container is not running just now; the next view of the Pods tells more."""


class Forbidden(TargetError):
    """The account lacks a permission."""


class NotFound(TargetError):
    """The object, or its namespace, does not exist."""


class Invalid(TargetError):
    """The API server cannot make sense of the request."""


class CommandNotFound(TargetError):
    """The container has no such program, or its user may not execute it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the JSON object in the body, or {} if there is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def message(self) -> str:
        """What the server says, whether as a Status or as plain text."""
        said = self.document().get("message")
        text = said if isinstance(said, str) else self._plain_text()
        return " ".join(text.split())[:2000]

    @property
    def reason(self) -> str:
        """The reason of a Status, or ""."""
        return str(self.document().get("reason") or "")

    def _plain_text(self) -> str:
        text = self.body.decode("utf-8", "replace")
        # Proxies and load balancers answer with a page, and programs with JSON.
        return "" if text.lstrip()[:1] in {"<", "{"} else text


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request was about, in the terms of RBAC."""

    verb: str
    resource: str
    group: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        """Read as the object of a sentence: `get pods/exec "web-0" in namespace "x"`."""
        name = f' "{self.name}"' if self.name else ""
        place = f' in namespace "{self.namespace}"' if self.namespace else ""
        return f"{self.verb} {self.resource}{name}{place}"


_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch"}
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[^/]+))?)?"
)


def asked(method: str, path: str, *, watch: bool = False) -> Asked:
    """Return what a request asks for, as the API server's authorizer sees it."""
    found = _PATH.fullmatch(path)
    if not found:
        return Asked(method, path)
    verb = _VERBS.get(method, method.lower())
    if method == "GET" and not found["name"]:
        verb = "watch" if watch else "list"
    resource = "/".join(filter(None, (found["resource"], found["sub"])))
    return Asked(
        verb,
        resource,
        found["group"] or "",
        found["namespace"] or "",
        found["name"] or "",
    )


def refusal(asked: Asked, answer: Answer) -> SyncdError:
    """Return the error that an answer other than 2xx stands for."""
    match answer.status:
        case 403:
            return forbidden(asked, answer.message)
        case 404:
            return _not_found(asked, answer)
        case 400 | 405 | 406 | 413 | 415 | 422:
            return Invalid(f"cannot {asked}: {_said(answer)}")
        case status:
            return Refused(
                f"cannot {asked}: {_said(answer)}", status=status, reason=answer.reason
            )


def _said(answer: Answer) -> str:
    return answer.message or f"the API server answered {answer.status}"


def _not_found(asked: Asked, answer: Answer) -> NotFound:
    if "kind" in (answer.document().get("details") or {}):
        return NotFound(f"cannot {asked}: {answer.message}")
    return NotFound(
        f"cannot {asked}: {_said(answer)}",
        hint="does the server's address lack a path, or is this not Kubernetes?",
    )


# What syncd needs of a resource: asking for all of it at once saves a second round.
_NEEDED = {
    "pods": ("get", "list", "watch"),
    "pods/exec": ("get", "create"),
    "pods/portforward": ("get", "create"),
    "deployments": ("get", "list", "watch"),
    "statefulsets": ("get", "list", "watch"),
}
_DENIED = re.compile(
    r'User "(?P<account>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"'
    r' in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]*)")?'
    r"(?: at the cluster scope)?(?:: (?P<note>.+))?"
)


def forbidden(asked: Asked, message: str) -> Forbidden:
    """Return the error for a 403, with the RBAC rule that would grant the request."""
    said = _DENIED.search(message)
    if said:
        asked = Asked(
            said["verb"], said["resource"], said["group"], said["namespace"] or ""
        )
        account = said["account"]
    elif (why := message.partition("is forbidden:")[2].strip()) or (
        message and "is forbidden:" not in message
    ):
        # Not RBAC but an admission rule, a quota, a proxy: no Role would help.
        return Forbidden(f"not allowed to {asked}: {why or message}")
    else:
        account = ""
    return Forbidden(
        f"account {account or '(not named by the server)'} may not {asked}",
        hint=_grant(asked, account),
    )


def _grant(asked: Asked, account: str) -> str:
    needed = _NEEDED.get(asked.resource, ())
    verbs = [*needed, *({asked.verb} - set(needed))]
    rule = (
        f'{{apiGroups: ["{asked.group}"], resources: ["{asked.resource}"],'
        f" verbs: {json.dumps(verbs)}}}"
    )
    role = (
        f'a Role in namespace "{asked.namespace}"'
        if asked.namespace
        else "a ClusterRole"
    )
    return (
        f"{role} with the rule {rule}, bound to {account or 'the account'}, grants it"
    )
