from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test in which this floor blocks the event loop."""
    with blockbuster_ctx("syncd.cluster") as blockbuster:
        yield blockbuster
