"""`python -m syncd.bench.watching`: the daemon, in a process of its own.

So that its cost can be told from that of the measuring. The settings come on standard
input, as JSON; its events go to standard output, each with the monotonic time at which
it was said, which is the same clock in all processes.
"""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import anyio

from syncd import daemon, events
from syncd.cluster.tasks import task_group
from syncd.config import Settings
from syncd.errors import SyncdError


_ONCE_S = 60.0  # how long it may take until all is in step


def document(settings: Settings) -> dict[str, Any]:
    """Return `settings` as JSON values, for the process to read."""
    return settings.model_dump(mode="json", by_alias=True, exclude_none=True)


def main() -> int:
    """Run the daemon until it is terminated; with `--once`, until all is in step."""
    told = json.load(sys.stdin)
    project = Path(told.pop("project"))
    source = told.pop("source", None)
    settings = Settings.of(told, project, Path(source) if source else None)
    try:
        return anyio.run(_run, settings, _ONCE_S if "--once" in sys.argv else None)
    except SyncdError as error:
        _say(events.Failed(message=str(error), hint=error.hint))
        return error.exit_code


async def _run(settings: Settings, once_s: float | None) -> int:
    code = 0
    async with task_group() as tasks:
        tasks.start_soon(_end_when_told, tasks.cancel_scope)
        code = await daemon.run(settings, _say, once_s=once_s)
        tasks.cancel_scope.cancel()
    return code


async def _end_when_told(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _say(event: events.Event) -> None:
    line = {"at": time.monotonic(), "event": event.name, **events.as_dict(event)}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
