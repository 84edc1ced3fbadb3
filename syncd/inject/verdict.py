"""How the program's first start under the reloader went, as its container's log tells."""

from contextlib import aclosing

import anyio

from syncd.cluster import Api, Replica, follow_log
from syncd.errors import Halted, SyncdError


_START_S = 20.0  # after which a program that does not listen is taken to run
_AGAIN_S = 2.0  # in which an edit that came during the first start is served instead
_REFUSED = "syncd-reloader: not taken over: "
_FAILS = "syncd-reloader: the program fails "
_SERVES = " serves (ms: "


async def objection(api: Api, replica: Replica) -> str:
    """Return why the program does not run under the reloader, or ""."""
    found = ""
    with anyio.move_on_after(_START_S) as patience:
        try:
            async with aclosing(follow_log(api, replica)) as lines:
                async for line in lines:
                    text = line.text.decode("utf-8", "replace")
                    if _SERVES in text:
                        return ""
                    if _REFUSED in text:
                        return text.partition(_REFUSED)[2].partition(". It runs ")[0]
                    if _FAILS in text:
                        patience.deadline = anyio.current_time() + _AGAIN_S
                        where = text.partition(_FAILS)[2].partition(";")[0]
                        found = f"it fails {where}"
        except Halted:
            raise
        except SyncdError:  # who may not read logs is not told
            return ""
    return found
