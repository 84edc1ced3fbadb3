"""What real clusters were seen to do; see `tests/recordings`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


FOLDER = Path(__file__).parent.parent / "recordings"


def rows(name: str) -> Iterator[dict[str, Any]]:
    with (FOLDER / f"{name}.jsonl").open() as lines:
        for line in lines:
            yield json.loads(line)


EXECS = list(rows("exec-frames"))
ERRORS = list(rows("api-errors"))


def exec_of(server: str, case: str) -> dict[str, Any]:
    return next(r for r in EXECS if r["server"] == server and r["case"] == case)


def error_of(server: str, case: str) -> dict[str, Any]:
    return next(r for r in ERRORS if r["server"] == server and r["case"] == case)
