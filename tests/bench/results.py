"""Results to report on."""

from collections.abc import Sequence

from syncd.bench.samples import STEPS, Cost, Costs, Result, Sample, Step


def sample(mode: str, number: int, total_ms: float | None, **more: object) -> Sample:
    steps = () if total_ms is None else (Step("served", total_ms),)
    failed = "" if total_ms is not None else "not served within 30 s"
    values: dict[str, object] = {
        "mode": mode,
        "number": number,
        "total_ms": total_ms,
        "failed": failed,
        "steps": steps,
        "changed_bytes": 1700,
        **more,
    }
    return Sample(**values)  # type: ignore[arg-type]  # the caller's to get right


def result(**totals: Sequence[float | None]) -> Result:
    """Return a result with these times for each mode."""
    samples = [
        sample(mode, number, total)
        for mode, times in totals.items()
        for number, total in enumerate(times)
    ]
    return Result(environment={"cores": "2"}, pattern="save", samples=samples)


# Every step but the last, 26 ms in all.
EARLY = tuple(Step(name, 12.0 if name == "ready" else 2.0) for name in STEPS[:-1])


def rich_result() -> Result:
    """Return one that has everything that can be reported."""
    syncd = [
        sample(
            "syncd",
            number,
            400.0 + number,
            steps=(*EARLY, Step("served", 374.0 + number)),
            applied_ms=20.0,
            batch=number + 1,
            sent_bytes=1300,
            cpu_s=0.008,
            agent_cpu_s=0.004,
            warmup=number == 0,
        )
        for number in range(6)
    ]
    local = [sample("local", number, 390.0 + number) for number in range(6)]
    nasty = [sample("<b>&'", number, None) for number in range(2)]
    return Result(
        environment={"image": "myapp:dev", "note": "<script>alert(1)</script>"},
        pattern="save",
        samples=[*syncd, *local, *nasty],
        costs=Costs(
            Cost(busy_cpu_s=0.05, idle_cpu_s=0.01, idle_s=9.0, peak_rss=70 << 20),
            Cost(busy_cpu_s=0.02, idle_cpu_s=0.0, idle_s=9.0, peak_rss=16 << 20),
        ),
    )
