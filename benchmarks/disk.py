"""The scanner on a tree of 100,000 files, and the disk itself as its floor."""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figure import Figure, Figures
from benchmarks.stage import fill


FILES = 100_000
SIZE = 2048
HINTS = 50

# In a process of its own, so that its memory is that of the snapshot.
_SCANS = """
import json, os, sys, time
from pathlib import Path
from syncd.ignore import Ignore
from syncd.scan import Scanner

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def took(act):
    started = time.perf_counter()
    act()
    return time.perf_counter() - started

root, hints = Path(sys.argv[1]), [os.fsencode(hint) for hint in sys.argv[2:]]
scanner = Scanner(root, Ignore.load(root))
before = resident()
first = took(scanner.scan)
grown = resident() - before
time.sleep(0.1)  # so that no file is younger than a tick of the clock
scanner.scan()
full = sorted(took(scanner.scan) for _ in range(5))[2]
one = []
for hint in hints:
    (root / os.fsdecode(hint)).write_bytes(hint)
    one.append(took(lambda: scanner.rescan([hint])) * 1000)
print(json.dumps({"first": first, "full": full, "hints": one, "grown": grown}))
"""


def scans(home: Path) -> Figures:
    """Scan a tree of 100,000 files: all, again, and what one hint names."""
    root = home / "tree"
    fill(root, FILES, SIZE)
    paths = [
        os.fspath(path.relative_to(root))
        for path in sorted(root.rglob("*.py"))[:: FILES // HINTS]
    ]
    reading, looking = _took(_read_all, root), _took(_stat_all, root)
    done = subprocess.run(  # noqa: S603  # itself
        [sys.executable, "-c", _SCANS, root, *paths],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    yield Figure("100,000 files of 2 KiB: read and hashed, the floor", reading, "s")
    yield Figure("… first scan with hashes", found["first"], "s", 3)
    yield Figure("… scandir and stat alone, the floor", looking, "s")
    yield Figure("… full rescan", found["full"], "s", 0.7)
    yield Figure("… rescan of one hint, p50", statistics.median(found["hints"]), "ms")
    yield Figure("… the same, at most", max(found["hints"]), "ms", 5)
    yield Figure("… memory of the snapshot, a file", found["grown"] / FILES, "B", 400)


def _took(act: Callable[[Path], None], root: Path) -> float:
    started = time.perf_counter()
    act(root)
    return time.perf_counter() - started


def _read_all(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123  # the floor
                hashlib.sha256(file.read()).digest()


def _stat_all(root: Path) -> None:
    pending = [os.fspath(root)]
    while pending:
        with os.scandir(pending.pop()) as items:
            for item in items:
                if item.is_dir(follow_symlinks=False):
                    pending.append(item.path)
                item.stat(follow_symlinks=False)


MEASURES: dict[str, Callable[[Path], Figures]] = {"scans": scans}
