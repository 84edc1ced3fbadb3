"""Saves, comparisons, memory and ends, on a real cluster."""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.figure import Figure, Figures, percentile
from benchmarks.stage import (
    LONG_S,
    Stage,
    agent,
    cpu_s,
    fill,
    rss_mb,
    until_holds,
)
from tests.cluster.line import Line
from tests.cluster.watching import Syncd


SAVES = 200
IDLE_S = 60.0
MIB = 1 << 20


def saves(stage: Stage) -> Figures:
    """Save one file of 2 KiB again and again, as a person does, but faster."""
    file, draw = stage.local / "main.py", random.Random(1)  # noqa: S311  # no secrets here
    seen = stage.seen()
    outside: list[float] = []
    with stage.watching() as run:
        for number in range(SAVES):
            content = b"%06d" % number + draw.randbytes(2042)
            time.sleep(draw.uniform(0.03, 0.1))  # nothing settles into a rhythm
            started = time.perf_counter()
            aside = file.with_name(".main.py.swp")
            aside.write_bytes(content)
            aside.replace(file)
            if seen:
                at = until_holds(seen / "main.py", content)
                outside.append((at - started) * 1000)
            run.until("batch.done")
        told = [event["total_ms"] for event in run.all("batch.applied")]
    if outside:
        yield Figure("save → seen in the container, p50", median(outside), "ms", 20)
        yield Figure("the same, p99", percentile(outside, 0.99), "ms", 80)
    yield Figure("save → applied by syncd's own events, p50", median(told), "ms", 20)
    yield Figure("the same, p99", percentile(told, 0.99), "ms", 80)


median = statistics.median


def thousand(stage: Stage) -> Figures:
    """Move a folder of 1,000 files in: one event, one batch."""
    seen, aside = stage.seen(), stage.local.with_name("aside")
    fill(aside, 1000, 4096)
    last = max(aside.rglob("*.py"))
    content, name = last.read_bytes(), last.relative_to(aside)
    with stage.watching() as run:
        started = time.perf_counter()
        aside.rename(stage.local / "in")
        if seen:
            until = until_holds(seen / "in" / name, content) - started
            yield Figure("1,000 files of 4 KiB → seen in the container", until, "s", 1)
        done = run.until("batch.done")
        assert done["files"] > 1000, done
        took = done["total_ms"] / 1000
        yield Figure("1,000 files of 4 KiB in one batch, by events", took, "s", 1)


def reconciliation(stage: Stage) -> Figures:
    """Compare 10,000 files: none there, all equal, all different."""
    fill(stage.local, 10_000, 4096)
    yield Figure(
        "first comparison, 10,000 files of 4 KiB, none there", compared(stage), "s"
    )
    yield Figure("the same, all equal", compared(stage), "s", 2)
    fill(stage.local, 10_000, 4096, salt=b"other")
    yield Figure("the same, all different", compared(stage), "s", 5)


def compared(stage: Stage) -> float:
    """Return how long the first comparison of a new session takes, in seconds."""
    with stage.watching() as run:
        (event,) = run.all("session.reconciled")
    return float(event["took_ms"]) / 1000


def large(stage: Stage) -> Figures:
    """Send a file of 2 GiB."""
    block = os.urandom(MIB)
    with stage.watching() as run:
        with stage.local.with_name("large").open("wb") as file:
            for number in range(2048):
                file.write(b"%08d" % number + block[8:])
        started = time.perf_counter()
        stage.local.with_name("large").rename(stage.local / "large.bin")
        run.until("batch.done", timeout_s=LONG_S)
        took_s = time.perf_counter() - started
        yield Figure(
            "a file of 2 GiB: syncd's memory",
            rss_mb(run.process.pid, most=True),
            "MB",
            150,
        )
        yield Figure("… the agent's memory", rss_mb(agent(), most=True), "MB", 60)
        yield Figure("… from save to applied", took_s, "s")


def idle(stage: Stage) -> Figures:
    """Do nothing on a tree of 100,000 files."""
    fill(stage.local, 100_000, 100)
    with stage.watching() as run:
        (scanned,) = run.all("folder.scanned")
        (event,) = run.all("session.reconciled")
        time.sleep(10)  # what the first comparison left behind is let go
        pids = run.process.pid, agent()
        cpu, memory = [cpu_s(pid) for pid in pids], [rss_mb(pid) for pid in pids]
        time.sleep(IDLE_S)  # doing nothing is what is measured
        shares = [(cpu_s(p) - c) / IDLE_S * 100 for p, c in zip(pids, cpu, strict=True)]
        grown = [rss_mb(p) - m for p, m in zip(pids, memory, strict=True)]
    yield Figure(
        "100,000 files: first scan with hashes", scanned["took_ms"] / 1000, "s"
    )
    yield Figure("… first comparison, none there", event["took_ms"] / 1000, "s")
    yield Figure("… syncd, idle for a minute: CPU", shares[0], "%", 0.5)
    yield Figure("… syncd's memory", memory[0], "MB")
    yield Figure("… and how much it grew", grown[0], "MB", 1)
    yield Figure("… the agent's CPU", shares[1], "%", 0.5)
    yield Figure("… how much the agent grew", grown[1], "MB", 1)


def start(stage: Stage) -> Figures:
    """Start on a folder of 500 files that are there already."""
    fill(stage.local, 500, 2048)
    compared(stage)
    told, outside = [], []
    for _ in range(5):
        started = time.perf_counter()
        with stage.watching() as run:
            outside.append((time.perf_counter() - started) * 1000)
            told.append(run.all("syncd.in_step")[0]["since_start_ms"])
    yield Figure(
        "syncd watch, 500 files → in step, process and all", median(outside), "ms"
    )
    yield Figure("… since it began to work", median(told), "ms")


def interrupts(stage: Stage) -> Figures:
    """Press Ctrl-C, idle and in the middle of a batch."""
    with stage.watching() as run:
        yield Figure("Ctrl-C to exit, idle", run.interrupt(), "s", 1)
    (stage.local / "large.bin").write_bytes(os.urandom(300 * MIB))
    kube = stage.web.kube
    with Line.to_the_api_server(kube) as line:
        server = f"https://{line.address}"
        home = stage.syncd.home
        syncd = Syncd(home, kube.kubeconfig(home / "config", server=server))
        run = syncd.start(
            str(stage.local), f"{stage.web.target}:/srv", "-n", kube.namespace
        )
        run.until("session.connected")
        line.carried(20 * MIB)
        yield Figure(
            "Ctrl-C to exit, in the middle of a batch", run.interrupt(), "s", 1
        )
        run.close()


def help_text(_: Stage) -> Figures:
    """Print the help."""
    took = []
    for _number in range(10):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "syncd", "--help"], check=True, stdout=-3)
        took.append(time.perf_counter() - started)
    yield Figure("syncd --help", median(took), "s", 0.2)


MEASURES: dict[str, Callable[[Stage], Figures]] = {
    "help": help_text,
    "start": start,
    "saves": saves,
    "thousand": thousand,
    "reconciliation": reconciliation,
    "interrupts": interrupts,
    "large": large,
    "idle": idle,
}
