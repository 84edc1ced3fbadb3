"""A node that runs in a process of its own, to be run as others and to be killed.

    python -m tests.loopback.scenario FOLDER SCRIPT

Runs SCRIPT by `sh -c` in a container and once more beside it, prints what both wrote as
a JSON object, and waits to be killed.
"""

import json
import sys
from pathlib import Path

import anyio

from .lab import logs, open_lab


async def main() -> None:
    folder, script = Path(sys.argv[1]), sys.argv[2]
    async with open_lab(folder) as lab:
        uid = await lab.run("box", "sh", "-c", f"{script}\nsleep 97531", image="py")
        await lab.logged(uid, "end")
        beside = (await lab.sh(uid, script))[1]
        said = {
            "isolated": lab.node.isolated,
            "first": logs(lab.container(uid)),
            "beside": beside,
        }
        print(json.dumps(said), flush=True)  # noqa: T201 -- what it is for
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main)
