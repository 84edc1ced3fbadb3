"""Libraries that are hard to fork: each is loaded once, and works in every generation."""

from pathlib import Path

import pytest

from tests.examples import examples
from tests.reloader.running import SCRIPT, plain, start


SAFE_AFTER_FORK = {
    "asyncpg": "import asyncpg\nANSWER = asyncpg.__version__",
    "grpc": "import grpc\nchannel = grpc.insecure_channel('127.0.0.1:9')\n"
    "channel.close()\nANSWER = grpc.__version__",
    "numpy": "import numpy\nANSWER = str((numpy.ones((99, 99)) @ numpy.ones(99)).sum())",
    "prometheus_client": "import prometheus_client as p\n"
    "p.Counter('asked', 'times').inc()\nANSWER = p.generate_latest().decode().count('asked')",
    "psycopg": "import psycopg\nANSWER = psycopg.__version__",
    "sqlalchemy": "import sqlalchemy as s\nwith s.create_engine('sqlite://').connect() as c:"
    "\n    ANSWER = str(c.scalar(s.text('select 42')))",
}


@pytest.mark.parametrize("library", SAFE_AFTER_FORK)
def test_a_well_known_library_works_in_each_generation(
    reloader: Path, folder: Path, library: str
) -> None:
    text = plain(SAFE_AFTER_FORK[library])
    (folder / "main.py").write_text(text)
    with start(reloader, folder, SCRIPT) as running:
        expected = running.serves().warm().get()
        assert library in running.line.ask("explain")["warm"]
        for _ in range(examples(3)):
            assert running.edit("main.py", text)["op"] == "serving"
            assert running.get() == expected
