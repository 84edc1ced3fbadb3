"""The refusals of a Kubernetes API: one exception, one function for each wording.

The wordings are those that Kubernetes 1.20 and 1.36 were recorded to use; clients
match on them, so they are kept to the letter.
"""

from collections.abc import Sequence
from typing import Any

from syncd.loopback.catalog import Resource


class ApiError(Exception):
    """A request is refused; carries the `Status` that says so.

    Attributes:
        code: The HTTP status.
        headers: Sent along, such as `Retry-After`.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}
        self.headers = headers or {}

    def status(self) -> dict[str, Any]:
        """The body of the answer, keys in the real server's order."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def success(code: int = 200, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """A `Status` that reports success, as deletes and evictions answer."""
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
    }
    if details is not None:
        body["details"] = details
    if code != 200:
        body["code"] = code
    return body


def _about(resource: Resource, name: str = "") -> dict[str, Any]:
    details: dict[str, Any] = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    return details


def unauthorized() -> ApiError:
    """No or bad credentials where some are needed."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(subject: str, why: str, details: dict[str, Any] | None) -> ApiError:
    """`pods "box" is forbidden: …`."""
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", details=details)


def forbidden_object(resource: Resource, name: str, why: str) -> ApiError:
    """A refusal by admission rather than by RBAC."""
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    return forbidden(subject, why, _about(resource, name))


def not_found(resource: Resource, name: str) -> ApiError:
    """No object of that name."""
    return ApiError(
        404,
        "NotFound",
        f'{resource.qualified} "{name}" not found',
        details=_about(resource, name),
    )


def unknown_resource() -> ApiError:
    """A path below `/api` or `/apis` that nothing serves."""
    return ApiError(
        404,
        "NotFound",
        "the server could not find the requested resource",
        details={},
    )


def method_not_allowed() -> ApiError:
    """A verb that the resource does not have."""
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        details={},
    )


def not_acceptable(message: str) -> ApiError:
    """No representation that the client takes."""
    return ApiError(406, "NotAcceptable", message, details={})


def unsupported_media_type() -> ApiError:
    """A patch or body of a kind that is not served."""
    return ApiError(
        415, "UnsupportedMediaType", "415: Unsupported Media Type", details={}
    )


def already_exists(resource: Resource, name: str) -> ApiError:
    """Created twice."""
    return ApiError(
        409,
        "AlreadyExists",
        f'{resource.qualified} "{name}" already exists',
        details=_about(resource, name),
    )


def conflict(resource: Resource, name: str) -> ApiError:
    """The object moved on since the client read it."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object '
        "has been modified; please apply your changes to the latest version and try "
        "again",
        details=_about(resource, name),
    )


def precondition(resource: Resource, name: str, what: str) -> ApiError:
    """A precondition of a delete does not hold."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.kind} "{name}": {what}',
        details={"name": name, "kind": resource.kind},
    )


def apply_conflicts(causes: Sequence[tuple[str, str]]) -> ApiError:
    """Server-side apply meets fields of others: `causes` are (who, field)."""
    count = len(causes)
    if count == 1:
        text = f"1 conflict: conflict with {causes[0][0]}: {causes[0][1]}"
    else:
        owners: dict[str, list[str]] = {}
        for who, path in causes:
            owners.setdefault(who, []).append(path)
        text = f"{count} conflicts: " + "\n".join(
            f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in paths)
            for who, paths in owners.items()
        )
    return ApiError(
        409,
        "Conflict",
        f"Apply failed with {text}",
        details={
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": f"conflict with {who}",
                    "field": path,
                }
                for who, path in causes
            ]
        },
    )


def bad_request(message: str) -> ApiError:
    """The request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def invalid(
    resource: Resource, name: str, causes: Sequence[tuple[str, str, str]]
) -> ApiError:
    """The object breaks the rules: `causes` are (reason, message, field)."""
    lines = [f"{field}: {message}" for _, message, field in causes]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    details: dict[str, Any] = {"name": name}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.kind
    details["causes"] = [
        {"reason": reason, "message": message, "field": field}
        for reason, message, field in causes
    ]
    return ApiError(
        422,
        "Invalid",
        f'{resource.qualified_kind} "{name}" is invalid: {text}',
        details=details,
    )


def rejected_patch() -> ApiError:
    """A JSON patch that does not fit the object."""
    return ApiError(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        details={},
    )


def expired(message: str, *, next_token: str = "") -> ApiError:
    """The history that this needs is gone."""
    metadata = {"continue": next_token} if next_token else {}
    return ApiError(410, "Expired", message, metadata=metadata)


def too_large_version(wanted: int, current: int) -> ApiError:
    """A resourceVersion of the future, waited for in vain."""
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        details={
            "causes": [
                {
                    "reason": "ResourceVersionTooLarge",
                    "message": "Too large resource version",
                }
            ],
            "retryAfterSeconds": 1,
        },
        headers={"Retry-After": "1"},
    )


def too_many_requests(
    message: str, *, retry_after_s: int = 0, cause: tuple[str, str] | None = None
) -> ApiError:
    """Slow down: the rate limiter, or a PodDisruptionBudget."""
    details: dict[str, Any] = {}
    if cause:
        details["causes"] = [{"reason": cause[0], "message": cause[1]}]
    if retry_after_s:
        details["retryAfterSeconds"] = retry_after_s
    return ApiError(
        429,
        "TooManyRequests",
        message,
        details=details,
        headers={"Retry-After": str(retry_after_s)} if retry_after_s else None,
    )


def internal(message: str) -> ApiError:
    """The server failed."""
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")


def malformed_version(text: str) -> ApiError:
    """A resourceVersion that is no number: a 500 without a reason, as recorded."""
    return ApiError(
        500,
        "",
        f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing '
        f'"{text}": invalid syntax',
    )
