"""The warm reloader of one target, while syncd runs."""

from collections.abc import Sequence

import anyio

from syncd import events
from syncd.cluster import Api, TargetSpec
from syncd.config import Reloader
from syncd.errors import Halted, SyncdError, TransportError
from syncd.inject import inject
from syncd.rebuild.rollout import Replicas


_PAUSE_S = 5.0  # before an API server that did not answer is asked again


class AdviseOnce:
    """Passes events on; the advice to use the reloader only the first time."""

    def __init__(self, emit: events.Emit) -> None:
        self._emit = emit
        self._advised = False

    def __call__(self, event: events.Event) -> None:
        """Report `event`."""
        if isinstance(event, events.ReloaderAdvised):
            if self._advised:
                return
            self._advised = True
        self._emit(event)


async def keep_injected(
    api: Api,
    spec: TargetSpec,
    settings: Reloader,
    roots: Sequence[str],
    replicas: Replicas,
    emit: events.Emit,
) -> None:
    """Put the reloader before the program, and tell what becomes of it.

    Raises:
        Halted: If the context has come to point to another cluster.
    """
    while True:
        try:
            await inject(api, spec, settings, roots, replicas, emit)
        except TransportError:  # it is told by whoever follows the Pods
            await anyio.sleep(_PAUSE_S)
            continue
        except Halted:
            raise
        except SyncdError as error:
            emit(
                events.ReloaderRefused(
                    target=str(spec), reason=str(error), hint=error.hint
                )
            )
        return
