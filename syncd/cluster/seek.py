"""The Pods of a target, once, for who does not follow them."""

import anyio

from syncd.cluster.api import Api
from syncd.cluster.follow import follow
from syncd.cluster.pods import TargetSpec, View
from syncd.cluster.tasks import task_group
from syncd.events import Event


async def seek(api: Api, spec: TargetSpec, within_s: float) -> View:
    """Return the first view that has a replica, or the last of `within_s` seconds.

    Raises:
        SyncdError: If the Pods cannot be followed.
    """
    view = View()
    send, receive = anyio.create_memory_object_stream[View](1)
    with receive:
        async with task_group() as tasks:
            tasks.start_soon(follow, api, spec, send, _unheard)
            with anyio.move_on_after(within_s):
                async for view in receive:
                    if view.replicas:
                        break
            tasks.cancel_scope.cancel()
    return view


def _unheard(_: Event) -> None:
    """Be where events go that nobody waits for."""
