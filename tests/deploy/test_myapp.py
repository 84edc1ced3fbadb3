"""myapp over HTTP, on SQLite and on a real PostgreSQL server."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from syncd.reloader import source
from tests.deploy.programs import (
    MYAPP,
    ROOT,
    UVICORN,
    Served,
    environment,
    run_in_myapp,
    served,
)


def create(myapp: Served, title: str) -> int:
    answer = myapp.ask("POST", "/tasks", {"title": title})
    assert answer.status == 201
    number = answer.body["id"]
    assert isinstance(number, int)
    return number


def test_the_root_shows_what_people_edit(myapp: Served) -> None:
    answer = myapp.get("/")

    assert answer.status == 200
    assert answer.body.keys() == {"message", "version", "pod"}
    main = (MYAPP / "main.py").read_text()
    assert f'MESSAGE = "{answer.body["message"]}"' in main
    assert f'VERSION = "{answer.body["version"]}"' in main


def test_it_is_live_and_ready(myapp: Served) -> None:
    assert myapp.get("/healthz").body == {"live": True}
    assert myapp.get("/readyz").body == {"ready": True}


def test_a_created_task_is_at_its_location(myapp: Served) -> None:
    made = myapp.ask("POST", "/tasks", {"title": "  buy æøå 🧀 "})

    found = myapp.get(made.headers["location"])
    assert (made.status, found.status) == (201, 200)
    assert found.body == made.body
    assert found.body["title"] == "buy æøå 🧀"
    assert found.body["done"] is False


def test_a_task_knows_when_it_was_created_in_utc(myapp: Served) -> None:
    task = myapp.get(f"/tasks/{create(myapp, 'now')}").body

    age = datetime.now(UTC) - datetime.fromisoformat(task["created_at"])
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_pages_follow_each_other_without_gap_or_repeat(myapp: Served) -> None:
    numbers = [create(myapp, f"task {i}") for i in range(5)]

    after, pages = numbers[0] - 1, []
    for _ in range(3):
        page = myapp.get(f"/tasks?limit=2&after={after}").body
        pages.append([task["id"] for task in page["items"]])
        after = page["next"]

    assert pages == [numbers[0:2], numbers[2:4], numbers[4:]]
    assert after is None


def test_a_patch_changes_what_it_names_and_nothing_else(myapp: Served) -> None:
    before = myapp.get(f"/tasks/{create(myapp, 'half')}").body

    patched = myapp.ask("PATCH", f"/tasks/{before['id']}", {"done": True})

    assert patched.status == 200
    assert patched.body == before | {"done": True}
    assert myapp.get(f"/tasks/{before['id']}").body == patched.body
    assert myapp.ask("PATCH", f"/tasks/{before['id']}", {}).body == patched.body


def test_a_deleted_task_is_gone(myapp: Served) -> None:
    path = f"/tasks/{create(myapp, 'short')}"

    deleted = myapp.ask("DELETE", path)

    assert (deleted.status, deleted.body) == (204, None)
    assert myapp.get(path).status == 404
    assert myapp.ask("DELETE", path).status == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_task_that_never_was_is_a_404_that_names_it(
    myapp: Served, method: str
) -> None:
    answer = myapp.ask(method, "/tasks/2147483647", {"done": True})

    assert answer.status == 404
    assert answer.body == {"detail": "no task 2147483647"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "/tasks", {}, id="no title"),
        pytest.param("POST", "/tasks", {"title": "   "}, id="blank title"),
        pytest.param("POST", "/tasks", {"title": "x" * 201}, id="long title"),
        pytest.param("POST", "/tasks", {"title": "a\x00b"}, id="NUL in the title"),
        pytest.param("POST", "/tasks", '{"title": "\\ud800"}', id="half a surrogate"),
        pytest.param("POST", "/tasks", '{"\\ud800": 1}', id="half a surrogate as key"),
        pytest.param("POST", "/tasks", {"title": "a", "dnoe": 1}, id="unknown field"),
        pytest.param("POST", "/tasks", '{"title": ', id="broken JSON"),
        pytest.param("PATCH", "/tasks/1", {"title": None}, id="null is no title"),
        pytest.param("PATCH", "/tasks/1", {"done": None}, id="null is no boolean"),
        pytest.param("GET", "/tasks/0", None, id="id below the first"),
        pytest.param("GET", "/tasks/2147483648", None, id="id beyond INTEGER"),
        pytest.param("GET", "/tasks/one", None, id="id in words"),
        pytest.param("GET", "/tasks?limit=0", None, id="empty page"),
        pytest.param("GET", "/tasks?limit=101", None, id="huge page"),
        pytest.param("GET", "/tasks?after=-1", None, id="page before the first"),
    ],
)
def test_what_cannot_be_meant_is_a_422(
    myapp: Served, method: str, path: str, body: object
) -> None:
    answer = myapp.ask(method, path, body)

    assert answer.status == 422
    assert answer.body["detail"]


def test_a_database_that_is_away_makes_it_unready_but_not_dead(tmp_path: Path) -> None:
    away = f"postgres://myapp@/myapp?host={tmp_path}"
    with served(MYAPP, away, tmp_path) as myapp:
        assert myapp.get("/healthz").status == 200
        assert myapp.get("/").status == 200
        for path in ("/readyz", "/tasks"):
            answer = myapp.get(path)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.body == {"detail": "the database does not answer"}


def test_without_a_database_it_keeps_its_rows_over_a_restart(
    copy: Path, tmp_path: Path
) -> None:
    with served(copy, None, tmp_path) as myapp:
        number = create(myapp, "still here")

    with served(copy, None, tmp_path) as myapp:
        assert myapp.get(f"/tasks/{number}").body["title"] == "still here"
    # ... in a file that is outside of the folder that is synced.
    assert [path.suffix for path in tmp_path.glob("*.db")] == [".db"]
    assert not list(copy.rglob("*.db"))


def image_command() -> list[str]:
    """Return what the development image runs."""
    text = (ROOT / "Dockerfile.dev").read_text().replace("\\\n", "")
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    argv = json.loads(command)
    assert isinstance(argv, list)
    return argv


def test_it_reloads_below_an_open_stream_and_after_a_broken_save(
    copy: Path, tmp_path: Path
) -> None:
    main = copy / "main.py"
    good = main.read_text()
    reloader = tmp_path / "reloader.py"
    reloader.write_text(source())
    _, _, *options = image_command()[: image_command().index("uvicorn")]
    flags = image_command()[image_command().index("8080") + 1 :]
    argv = [str(reloader), *options, sys.executable, "-m", *UVICORN, *flags]
    with served(copy, None, tmp_path, argv) as myapp:
        stream = HTTPConnection("127.0.0.1", myapp.port, timeout=20)
        stream.request("GET", "/events")
        with stream.getresponse() as events:
            assert events.getheader("content-type", "").startswith("text/event-stream")
            assert events.readline() == b"event: tick\n"

            main.write_text(good.replace('VERSION = "1"', 'VERSION = "2"'))
            myapp.wait_for_log("generation [2-9] serves")
            assert myapp.get("/").body["version"] == "2"
        stream.close()

        main.write_text("def broken(:\n")
        myapp.wait_for_log("the edit fails")
        assert myapp.get("/").body["version"] == "2"

        main.write_text(good.replace('VERSION = "1"', 'VERSION = "3"'))
        myapp.wait_for_log("generation [4-9] serves")
        assert myapp.get("/").body["version"] == "3"


MIGRATIONS = """
import json
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect
import db

config = Config("alembic.ini")

def tables():
    return sorted(inspect(db.engine).get_table_names())

seen = {}
command.upgrade(config, "head"); seen["up"] = tables()
command.check(config)
command.downgrade(config, "base"); seen["down"] = tables()
command.upgrade(config, "head"); seen["again"] = tables()
print(json.dumps(seen))
"""


def test_the_migrations_go_up_down_and_up_and_agree_with_the_models(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    done = run_in_myapp(["-c", MIGRATIONS], new_database(), tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "up": ["alembic_version", "tasks"],
        "down": ["alembic_version"],
        "again": ["alembic_version", "tasks"],
    }


HALF_WAY = """
import db, migrate, sqlalchemy

try:
    migrate.upgrade()
except RuntimeError as error:
    print(error)
print(sqlalchemy.inspect(db.engine).get_table_names())
"""


def test_a_migration_that_fails_leaves_no_half(
    new_database: Callable[[], str], copy: Path, tmp_path: Path
) -> None:
    versions = copy / "migrations/versions"
    first = (versions / "0001_tasks.py").read_text()
    (versions / "0002_half.py").write_text(
        first.replace('"0001"', '"0002"')
        .replace("down_revision = None", 'down_revision = "0001"')
        .replace("tasks", "half")
        .replace(
            "def downgrade", '    raise RuntimeError("half way")\n\n\ndef downgrade'
        )
    )

    done = run_in_myapp(["-c", HALF_WAY], new_database(), tmp_path, copy)

    assert done.stdout.splitlines() == ["half way", "[]"], done.stderr


def test_pods_that_start_together_migrate_once(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    argv = [sys.executable, "migrate.py"]
    env = environment(new_database(), tmp_path)
    pods = [
        subprocess.Popen(argv, cwd=MYAPP, env=env, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    said = [pod.communicate(timeout=30)[1] for pod in pods]

    assert [pod.returncode for pod in pods] == [0, 0], said
    assert "".join(said).count("Running upgrade") == 1


def test_migrate_says_which_database_it_waited_for_in_vain(tmp_path: Path) -> None:
    url = f"postgresql://myapp@/myapp?host={tmp_path}"
    patience = "import os; os.environ['MIGRATE_PATIENCE_S'] = '0'; "
    done = run_in_myapp(
        ["-c", patience + "import migrate, sys; sys.exit(migrate.main())"],
        url,
        tmp_path,
    )

    assert done.returncode == 1
    assert "no database after 0 s" in done.stderr
    assert str(tmp_path) in done.stderr
