import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.examples import examples


settings.register_profile("dev", max_examples=examples(25), deadline=None)
settings.register_profile(
    "ci",
    max_examples=examples(50),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


LONG = ("endtoend", "deploy", "reloader", "bench", "session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long in front: workers take files, and the last should be short."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep what is collected out of the garbage collection: all of it stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
