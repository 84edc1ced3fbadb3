"""Who is asking: bearer tokens, service accounts, and the anonymous."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syncd.loopback.apierror import unauthorized


AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
ADMIN = "syncd-loopback-admin"
DEFAULT_AUDIENCE = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated (or anonymous) caller."""

    name: str
    groups: frozenset[str]
    uid: str = ""

    @property
    def is_master(self) -> bool:
        """True for whom no rule is asked."""
        return MASTERS in self.groups


ANONYMOUS = User("system:anonymous", frozenset({"system:unauthenticated"}))


def administrator() -> User:
    """The user of the cluster's own kubeconfig."""
    return User(ADMIN, frozenset({MASTERS, AUTHENTICATED}))


def service_account(namespace: str, name: str, uid: str = "") -> User:
    """The user that a service account's token stands for."""
    groups = {
        AUTHENTICATED,
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
    }
    return User(f"system:serviceaccount:{namespace}:{name}", frozenset(groups), uid)


class Tokens:
    """Issues bearer tokens and recognises them: JWTs, signed, with an expiry.

    Args:
        account_uid: Finds a service account's uid; a token of one that is gone, or
            was made anew, is refused.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        account_uid: Callable[[str, str], str | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account_uid = account_uid
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()

    def issue_admin(self, *, ttl_s: float = 365 * 86400) -> str:
        """A token of the administrator."""
        return self._sign({"sub": ADMIN, "exp": self._clock() + ttl_s})

    def issue(
        self,
        namespace: str,
        name: str,
        *,
        ttl_s: float = 3600,
        audiences: list[str] | None = None,
    ) -> tuple[str, float]:
        """A token of a service account, and when it expires."""
        expiry = int(self._clock() + ttl_s)
        uid = self._account_uid(namespace, name)
        claims = {
            "aud": audiences or [DEFAULT_AUDIENCE],
            "exp": expiry,
            "iat": int(self._clock()),
            "iss": DEFAULT_AUDIENCE,
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": uid},
            },
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        return self._sign(claims), expiry

    def revoke(self, token: str) -> None:
        """Refuse `token` from now on, as if it had expired."""
        self._revoked.add(token)

    def revoke_all(self) -> None:
        """Refuse every token issued so far."""
        self._key = secrets.token_bytes(32)
        self._revoked.clear()

    def user(self, token: str) -> User:
        """Whose token it is.

        Raises:
            ApiError: 401 if it is unknown, expired, revoked or of a vanished account.
        """
        claims = self._verified(token)
        if claims["exp"] <= self._clock() or token in self._revoked:
            raise unauthorized()
        if claims["sub"] == ADMIN:
            return administrator()
        bound = claims["kubernetes.io"]
        namespace, account = bound["namespace"], bound["serviceaccount"]
        if self._account_uid(namespace, account["name"]) != account["uid"]:
            raise unauthorized()
        return service_account(namespace, account["name"], account["uid"])

    def _sign(self, claims: dict[str, Any]) -> str:
        claims = {**claims, "jti": secrets.token_hex(8)}
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = _encode(json.dumps(claims).encode())
        return f"{head}.{body}.{self._signature(head, body)}"

    def _signature(self, head: str, body: str) -> str:
        signed = f"{head}.{body}".encode()
        return _encode(hmac.new(self._key, signed, hashlib.sha256).digest())

    def _verified(self, token: str) -> dict[str, Any]:
        head, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        expected = self._signature(head, body)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise unauthorized()
        claims: dict[str, Any] = json.loads(_decode(body))
        return claims


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
