"""Commands that are not taken over: from the start, or by an edit."""

import sys
from pathlib import Path

import pytest

from tests.reloader.running import SCRIPT, UVICORN, asgi, start


PYTHON = sys.executable
UVICORN_RUN = """
if __name__ == "__main__":
    import uvicorn
    uvicorn.run("main:app", port=0, workers={})
"""
BY_EDIT = {
    "uvicorn": (
        SCRIPT,
        "main.py",
        asgi("one") + UVICORN_RUN.format(1),
        asgi("two") + UVICORN_RUN.format(2),
        "uvicorn runs 2 workers",
    ),
    "hypercorn": (
        (PYTHON, "-m", "hypercorn", "-c", "file:config.py", "main:app"),
        "config.py",
        "bind = '127.0.0.1:0'\n",
        "bind = '127.0.0.1:0'\nworkers = 2\n",
        "hypercorn runs 2 workers",
    ),
    "gunicorn": (
        (PYTHON, "-m", "gunicorn", "-kuvicorn_worker.UvicornWorker", "main:app"),
        "gunicorn.conf.py",
        "bind = '127.0.0.1:0'\n",
        "bind = 'unix:gunicorn.sock'\n",
        "gunicorn listens on a unix socket",
    ),
}


def test_several_workers_of_uvicorn_run_unchanged(reloader: Path, folder: Path) -> None:
    (folder / "main.py").write_text(asgi("one"))
    with start(reloader, folder, (*UVICORN, "--workers", "2")) as running:
        line = running.log.wait_for("not taken over")
        running.log.wait_for("Application startup complete")
        running.log.wait_for("Application startup complete")

        assert "2 workers" in line
        assert running.batch(running.folder / "main.py")["op"] == "declined"
        assert running.end() == 0  # as uvicorn does then


@pytest.mark.parametrize("server", BY_EDIT)
def test_an_edit_that_makes_it_one_fails_and_says_why(
    reloader: Path, folder: Path, server: str
) -> None:
    pytest.importorskip(server)
    command, name, good, bad, reason = BY_EDIT[server]
    (folder / "main.py").write_text(asgi("one"))
    (folder / name).write_text(good)
    with start(reloader, folder, command) as running:
        port = running.serves().warm().port()

        failed = running.edit(name, bad)

        assert failed["op"] == "failed"
        assert reason in failed["traceback"]
        assert reason in running.log.wait_for("serves on")
        assert running.get() == "one"
        assert running.edit(name, good)["op"] == "serving"
        assert running.get() == "one"
        assert running.port() == port
