"""`python -m benchmarks.rebuild [ROUNDS]`: a dependency change, beside the same by hand.

Needs KUBECONFIG and docker. Each round adds a dependency and takes it out again under
`syncd watch`, then builds, pushes and rolls out the like by the commands that people
type. Prints the medians in Markdown, in ms.
"""

import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.stage import machine
from tests.cluster.kube import Kube, fresh_namespace
from tests.cluster.project import BASE, PUSH, REGISTRY, Project
from tests.cluster.watching import Watching


ROUNDS = 9
STEPS = {
    "decision": "decided_ms",
    "build": "built_ms",
    "push": "delivered_ms",
    "roll out": "rolled_ms",
    "in step": "reconciled_ms",
    "ready": "ready_ms",
    "in all": "total_ms",
}
CLUSTERS_OWN = ("built_ms", "delivered_ms", "rolled_ms", "reconciled_ms", "ready_ms")


def by_syncd(
    project: Project, watching: Watching, mark: str
) -> Iterator[dict[str, Any]]:
    """Add a dependency, then take it out; yield what syncd says of each."""
    for lines in ([mark], []):
        project.require(*lines, comment=f"by syncd {secrets.token_hex(4)}")
        decided = watching.until("rebuild.decided")["took_ms"]
        yield {**watching.until("rebuild.done"), "decided_ms": decided}


def by_hand(project: Project, namespace: str, mark: str) -> dict[str, float]:
    """Do the same by the commands that people type."""
    project.require(mark, comment=f"by hand {secrets.token_hex(4)}")
    name = f"{project.name}:{secrets.token_hex(3)}"
    base = ("--build-arg", f"BASE={BASE}")
    workload = ("--namespace", namespace, f"deployment/{project.name}")
    set_image = (*workload, f"app={REGISTRY}/{name}")
    took = {
        "built_ms": _ran(
            "docker", "build", *base, "-t", f"{PUSH}/{name}", ".", at=project
        ),
        "delivered_ms": _ran("docker", "push", f"{PUSH}/{name}"),
        "rolled_ms": _ran("kubectl", "set", "image", *set_image)
        + _ran("kubectl", "rollout", "status", *workload),
    }
    return {**took, "total_ms": sum(took.values())}


def _ran(*words: str, at: Project | None = None) -> float:
    began = time.perf_counter()
    folder = at.folder if at else None
    subprocess.run(words, cwd=folder, check=True, capture_output=True)  # noqa: S603  # as typed
    return (time.perf_counter() - began) * 1000


def main(rounds: int) -> None:
    """Measure, and print a table in Markdown."""
    added: list[dict[str, Any]] = []
    known: list[dict[str, Any]] = []
    typed: list[dict[str, float]] = []
    with fresh_namespace("syncd-bench") as name, tempfile.TemporaryDirectory() as home:
        mine, theirs = (Project(Path(home, part), Kube(name)) for part in "ab")
        for project in (mine, theirs):
            project.lay_out()
            project.deploy(project.build())
        with mine.watch(Path(home, "home")) as watching:
            for number in range(rounds):
                mark = f"cheese==1.0 ; python_version > '3.{number}'"
                there, back = by_syncd(mine, watching, mark)
                added.append(there)
                known.append(back)
                typed.append(by_hand(theirs, name, mark))
        for project in (mine, theirs):
            project.clean_up()
    sys.stdout.write(f"{machine(cluster=True)}; {rounds} rounds\n\n")
    sys.stdout.write(f"| | {' | '.join(STEPS)} |\n|---|{'---:|' * len(STEPS)}\n")
    sys.stdout.write(_row("syncd, a dependency added", added))
    sys.stdout.write(_row("syncd, taken out again", known))
    sys.stdout.write(_row("by hand, a dependency added", typed))
    own = [_own_ms(row) for row in added]
    share = [100 * mine / row["total_ms"] for mine, row in zip(own, added, strict=True)]
    sys.stdout.write(
        f"\nsyncd's own share: {statistics.median(own):.0f} ms,"
        f" {statistics.median(share):.1f} % (at most {max(share):.1f} %)\n"
        f"a known image: the rollout + {statistics.median(map(_own_ms, known)):.0f} ms\n"
    )


def _own_ms(row: Mapping[str, Any]) -> float:
    """Return what is neither the builder's, the registry's nor the cluster's."""
    return float(row["total_ms"]) - sum(float(row[step]) for step in CLUSTERS_OWN)


def _row(who: str, rows: Sequence[Mapping[str, Any]]) -> str:
    cells = []
    for step in STEPS.values():
        known = [float(row[step]) for row in rows if step in row]
        cells.append(f"{statistics.median(known):,.0f}" if known else "-")
    return f"| {who} | {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
