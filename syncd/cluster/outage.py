"""Whether the API server answers: said once when it stops, once when it is back."""

import anyio

from syncd.errors import SyncdError
from syncd.events import ApiBack, ApiLost, Emit


class Outage:
    """What everybody who talks to one API server knows of its reachability."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._since: float | None = None

    def began(self, error: SyncdError, emit: Emit) -> None:
        """Report the failure, unless one is reported already."""
        if self._since is None:
            self._since = anyio.current_time()
            emit(ApiLost(server=self._server, reason=str(error)))

    def ended(self, emit: Emit) -> None:
        """Report that the server answers again, if it was reported not to."""
        if self._since is not None:
            away_s = anyio.current_time() - self._since
            self._since = None
            emit(ApiBack(server=self._server, away_s=away_s))
