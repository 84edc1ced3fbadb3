"""A result as JSON, to keep and to compare with."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncd.bench.samples import Cost, Costs, Result, Sample, Step, applied, totals
from syncd.bench.stats import quantile
from syncd.errors import ConfigError


VERSION = 2
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def dumps(result: Result) -> str:
    """Return the result as JSON text: a summary, and every sample."""
    document = {
        "version": VERSION,
        "pattern": result.pattern,
        "environment": dict(result.environment),
        "summary": {mode: summary(result, mode) for mode in result.modes},
        "costs": {
            who: dataclasses.asdict(cost) if cost else None
            for who, cost in result.costs._asdict().items()
        },
        "samples": [_sample(sample) for sample in result.samples],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def summary(result: Result, mode: str) -> dict[str, Any]:
    """Return the figures of a mode; None stands for a time-out."""
    samples = result.counted(mode)
    return {
        "edits": len(samples),
        "failed": sum(bool(sample.failed) for sample in samples),
        "served_ms": _quantiles(totals(samples)),
        "applied_ms": _quantiles(applied(samples)),
    }


def _quantiles(values: list[float]) -> dict[str, float | None]:
    if not values:
        return {}
    found = {name: quantile(values, q) for name, q in QUANTILES.items()}
    return {
        name: None if math.isinf(value) else round(value, 3)
        for name, value in found.items()
    }


def _sample(sample: Sample) -> dict[str, Any]:
    values = dataclasses.asdict(sample)
    return {**values, "steps": dict(sample.steps)}


def load(path: Path) -> Result:
    """Read a result that was written before.

    Raises:
        ConfigError: If it is none.
    """
    try:
        document = json.loads(path.read_text())
        return _result(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} is no result of syncd bench: {error}",
            hint="name a file that --json wrote",
        ) from error


def _result(document: Mapping[str, Any]) -> Result:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']}, not {VERSION}")
    costs = {
        who: Cost(**cost) if cost else None for who, cost in document["costs"].items()
    }
    return Result(
        environment=document["environment"],
        pattern=document["pattern"],
        samples=[
            Sample(
                **{
                    **sample,
                    "steps": tuple(
                        Step(name, took) for name, took in sample["steps"].items()
                    ),
                }
            )
            for sample in document["samples"]
        ],
        costs=Costs(**costs),
    )
