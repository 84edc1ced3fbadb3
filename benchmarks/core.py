"""`python -m benchmarks.core [NAME …]`: the figures that syncd promises, beside them.

Prints Markdown. Those of `applied` need KUBECONFIG, and to run as root on the node for
what is seen from outside; without KUBECONFIG they are left out. `disk` needs a disk, and
`embedded` brings its own cluster.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import applied, disk, embedded
from benchmarks.figure import Figures
from benchmarks.stage import Stage, machine, stage


def _on_stage(measure: Callable[[Stage], Figures], home: Path) -> Figures:
    with stage(home) as made:
        yield from measure(made)


MEASURES: dict[str, Callable[[Path], Figures]] = {
    **disk.MEASURES,
    **embedded.MEASURES,
    **{name: partial(_on_stage, each) for name, each in applied.MEASURES.items()},
}


def main(names: Sequence[str]) -> None:
    """Measure, and print a table in Markdown as it grows."""
    has_cluster = bool(os.environ.get("KUBECONFIG"))
    if not names:
        names = [n for n in MEASURES if has_cluster or n not in applied.MEASURES]
    sys.stdout.write(f"`python -m benchmarks.core {' '.join(names)}`\n\n")
    sys.stdout.write(f"{machine(cluster=has_cluster)}\n\n")
    sys.stdout.write("| what | promised | measured | |\n|---|---|---|---|\n")
    for name in names:
        with tempfile.TemporaryDirectory() as home:
            for figure in MEASURES[name](Path(home)):
                sys.stdout.write(f"{figure}\n")
                sys.stdout.flush()
    load = " ".join(f"{part:.2f}" for part in os.getloadavg())
    sys.stdout.write(f"\nload at the end: {load}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
