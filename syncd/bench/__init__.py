"""From a save to the new answer, measured: by syncd, and by others beside it."""

from syncd.bench.bench import BUILT_IN, Plan, run
from syncd.bench.edits import PATTERNS
from syncd.bench.embedded import embedded
from syncd.bench.samples import Result, Sample


__all__ = ["BUILT_IN", "PATTERNS", "Plan", "Result", "Sample", "embedded", "run"]
