"""A stream that never ends by itself.

Open it (`curl -N localhost:8080/events`) and save a file: a server that waits for its
open connections before it reloads now waits for ever. That is why it is started with
`--timeout-graceful-shutdown`.
"""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse


router = APIRouter()


@router.get("/events")
async def stream() -> StreamingResponse:
    """Server-sent events: one `tick` at once, then one a second."""
    return StreamingResponse(
        _ticks(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


async def _ticks() -> AsyncIterator[str]:
    for tick in itertools.count():
        data = json.dumps({"tick": tick, "pid": os.getpid()})
        yield f"event: tick\nid: {tick}\ndata: {data}\n\n"
        await asyncio.sleep(1)
