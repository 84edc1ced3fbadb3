"""Watch a folder, edit a file in it, and print as JSON what was said until it is seen."""

import json
import sys
from functools import partial
from pathlib import Path

import anyio

from syncd.events import Event, as_dict
from syncd.ignore import Ignore
from syncd.scan import Scanner
from syncd.watch import Hints, Watched, watch


async def main(root: Path) -> None:
    events: list[Event] = []
    ignore = Ignore.load(root)
    scanner = Scanner(root, ignore)
    scanner.scan()
    send, receive = anyio.create_memory_object_stream[Hints](1)
    async with anyio.create_task_group() as tasks:
        with receive, anyio.fail_after(20):
            watched = [Watched(root, ignore)]
            await tasks.start(partial(watch, watched, send, events.append))
            (root / "x").write_text("")
            while b"x" not in scanner.tree:
                hints = await receive.receive()
                scanner.rescan(hints.paths.get(0, [b""] if hints.everything else []))
            tasks.cancel_scope.cancel()
    json.dump([{"event": e.name, **as_dict(e)} for e in events], sys.stdout)


anyio.run(main, Path(sys.argv[1]))
