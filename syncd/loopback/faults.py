"""What can go wrong with an API server, switched on at will."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from syncd.loopback import apierror
from syncd.loopback.access.identity import Tokens
from syncd.loopback.api.request import Target
from syncd.loopback.api.watching import Watch
from syncd.loopback.apierror import ApiError
from syncd.loopback.link import Link
from syncd.loopback.server import Server
from syncd.loopback.store import Store


Only = Callable[[Target], bool]


def any_request(_: Target) -> bool:
    """The filter that lets every request meet the fault."""
    return True


@dataclass(slots=True)
class Rule:
    """One fault that requests meet; `stop` ends it.

    Attributes:
        left: How many requests still meet it; None for all until it is stopped.
        met: How many met it.
    """

    only: Only
    error: ApiError | None = None
    delay_s: float = 0.0
    left: int | None = None
    met: int = field(default=0)

    def takes(self, target: Target) -> bool:
        """Whether this request meets the fault; counts it if so."""
        if self.left == 0 or not self.only(target):
            return False
        self.left = None if self.left is None else self.left - 1
        self.met += 1
        return True

    def stop(self) -> None:
        """No request meets the fault from now on."""
        self.left = 0


class Faults:
    """The faults of one cluster.

    Attributes:
        link: Those of the connections themselves: cut, stalled, half open, slow.
        server: What listens, once it does.
    """

    def __init__(self, store: Store, tokens: Tokens, link: Link) -> None:
        self.link = link
        self.server: Server | None = None
        self._store = store
        self._tokens = tokens
        self._rules: list[Rule] = []
        self._watches: set[Watch] = set()

    def refuse(
        self,
        code: int,
        *,
        times: int | None = None,
        retry_after_s: int = 0,
        only: Only = any_request,
    ) -> Rule:
        """Answer requests with `code` instead of serving them."""
        return self._add(Rule(only, _error(code, retry_after_s), left=times))

    def slow(
        self, delay_s: float, *, times: int | None = None, only: Only = any_request
    ) -> Rule:
        """Let requests wait before they are served."""
        return self._add(Rule(only, delay_s=delay_s, left=times))

    def compact(self) -> None:
        """Forget the history: a watch from an old resourceVersion gets a 410."""
        self._store.compact()

    def expire_watches(self) -> int:
        """End running watches with a 410, as an expired one ends; say how many."""
        return self.end_watches(apierror.expired("too old resource version"))

    def end_watches(self, error: ApiError) -> int:
        """End running watches with an ERROR event; say how many."""
        for watch in self._watches:
            watch.error = error
        self._store.wake()
        return len(self._watches)

    async def kill_server(self) -> None:
        """Let the API server vanish: nothing listens, every connection is cut."""
        if self.server is not None:
            await self.server.stop()

    async def revive_server(self) -> None:
        """Let the API server come back, at the same address.

        As a real one that was started anew it has the objects, and no history: a watch
        that goes on from before gets a 410.
        """
        self._store.compact()
        if self.server is not None:
            await self.server.start()

    def expire_tokens(self) -> None:
        """Refuse every token issued so far, the kubeconfig's included."""
        self._tokens.revoke_all()

    @contextmanager
    def watching(self, watch: Watch) -> Iterator[None]:
        """Let the faults reach a watch while it runs."""
        self._watches.add(watch)
        try:
            yield
        finally:
            self._watches.discard(watch)

    async def meet(self, target: Target) -> None:
        """Let a request meet the faults that are switched on.

        Raises:
            ApiError: What the request is answered with.
        """
        self._rules = [rule for rule in self._rules if rule.left != 0]
        for rule in self._rules:
            if not rule.takes(target):
                continue
            await anyio.sleep(rule.delay_s)
            if rule.error is not None:
                raise rule.error

    def _add(self, rule: Rule) -> Rule:
        self._rules.append(rule)
        return rule


def _error(code: int, retry_after_s: int) -> ApiError:
    match code:
        case 401:
            return apierror.unauthorized()
        case 403:
            return ApiError(403, "Forbidden", "forbidden: by a fault", details={})
        case 410:
            return apierror.expired("too old resource version")
        case 429:
            return apierror.too_many_requests(
                "too many requests, please try again later",
                retry_after_s=retry_after_s or 1,
            )
        case 503:
            return ApiError(
                503,
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
                headers={"Retry-After": str(retry_after_s)} if retry_after_s else None,
            )
        case _:
            reason = "InternalError" if code == 500 else "Unknown"
            return ApiError(code, reason, "Internal error occurred: by a fault")
