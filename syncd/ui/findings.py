"""What `syncd doctor` says of each check."""

from collections.abc import Iterator

from syncd.doctor import Finding
from syncd.ui.text import safe


_WIDTH = len("warning")


def finding(found: Finding) -> Iterator[str]:
    """Yield the lines that a person reads."""
    first, *rest = found.said.splitlines() or [""]
    yield f"{found.verdict.ljust(_WIDTH)}  {safe(found.check)}: {safe(first)}"
    indent = " " * (_WIDTH + 2)
    for line in rest:
        yield f"{indent}{safe(line)}"
    if found.remedy:
        yield f"{indent}→ {safe(found.remedy)}"
