from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.deploy.programs import (
    MYAPP,
    Postgres,
    Served,
    postgres,
    postgres_missing,
    run_in_myapp,
    served,
)
from tests.deploy.rendering import (
    OVERLAYS,
    Manifest,
    copy_of_the_manifests,
    parse,
    render,
    renderer,
)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    if reason := postgres_missing():
        pytest.skip(reason)
    with postgres() as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Return a function that makes an empty database and gives its URL."""
    numbers = count()
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("sqlite")
        return lambda: f"sqlite:///{folder}/{next(numbers)}.db"

    running: Postgres = request.getfixturevalue("server")

    def create() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(running.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
            )
        return running.url(name)

    return create


@pytest.fixture(scope="session")
def myapp(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The program on each database, with the schema that the deployment would make."""
    url, tmp = new_database(), tmp_path_factory.mktemp("myapp")
    if url.startswith("postgresql"):
        done = run_in_myapp(["migrate.py"], url, tmp)
        assert done.returncode == 0, done.stderr
    with served(MYAPP, url, tmp) as running:
        yield running


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the program that a test may edit."""
    folder = tmp_path / "app"
    for source in MYAPP.rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            target = folder / source.relative_to(MYAPP)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if renderer() is None:
        pytest.skip("no kubectl 1.22 or newer on PATH, so no kustomize")
    return copy_of_the_manifests(tmp_path_factory.mktemp("manifests"))


@pytest.fixture(scope="module", params=OVERLAYS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def text(name: str, tree: Path) -> str:
    return render(tree / "overlays" / name)


@pytest.fixture
def manifests(text: str) -> list[Manifest]:
    return parse(text)


@pytest.fixture(scope="module")
def dev(tree: Path) -> list[Manifest]:
    return parse(render(tree / "overlays/dev"))


@pytest.fixture(scope="module")
def prod_like(tree: Path) -> list[Manifest]:
    return parse(render(tree / "overlays/prod-like"))
