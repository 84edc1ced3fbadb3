"""How many examples a property is tried with."""

import os


_TIMES = float(os.environ.get("SYNCD_TEST_EXAMPLES", "1"))


def examples(usual: int) -> int:
    """Return `usual`, times what SYNCD_TEST_EXAMPLES says."""
    return max(1, round(usual * _TIMES))
