"""What is told on the error channel at the end of exec and attach (pure)."""

import json
import secrets
from collections.abc import Sequence

from syncd.loopback.dialect import Dialect


def go_json(value: object) -> bytes:
    """Write JSON as Go does: compact, `<`, `>` and `&` escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode(errors="replace")


def ended(code: int, argv: Sequence[str], *, by_kubelet: bool) -> bytes:
    """Return the status of a process that ended.

    Args:
        code: Its exit code.
        argv: Its arguments.
        by_kubelet: Whether the kubelet translates (v5), who words it otherwise.
    """
    if code == 0:
        return go_json({"metadata": {}, "status": "Success"})
    detail = f"command terminated with exit code {code}"
    if not by_kubelet:
        detail = f"error executing command [{' '.join(argv)}], exit code {code}"
    return go_json(
        {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: {detail}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    )


def not_started(why: str, dialect: Dialect, *, by_kubelet: bool) -> bytes:
    """Return the status of a process that never came to be.

    Args:
        why: In runc's words.
        dialect: Of the cluster.
        by_kubelet: Whether the kubelet translates (v5): it says it is an internal
            error, and so does the API server after it.
    """
    number = secrets.token_hex(32)
    cause = (
        "error executing command in container: failed to exec in container: "
        f'failed to start exec "{number}": OCI runtime exec failed: {why}'
    )
    if not dialect.modern:
        cause += ": unknown"
    return internal_error(cause, by_kubelet=by_kubelet)


def internal_error(cause: str, *, by_kubelet: bool) -> bytes:
    """Return the status of an exec that failed inside the node."""
    cause = f"Internal error occurred: {cause}" if by_kubelet else cause
    return go_json(
        {
            "metadata": {},
            "status": "Failure",
            "message": f"Internal error occurred: {cause}",
            "reason": "InternalError",
            "details": {"causes": [{"message": cause}]},
            "code": 500,
        }
    )
