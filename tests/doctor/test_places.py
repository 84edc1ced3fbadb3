from pathlib import Path

import pytest

from syncd.doctor.places import find_dockerfile, places


def project(tmp_path: Path, dockerfile: str, *files: str) -> Path:
    if dockerfile:
        (tmp_path / "Dockerfile").write_text(dockerfile)
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        pytest.param("FROM a\nCOPY app /srv/app\n", [("app", "/srv/app")], id="a copy"),
        pytest.param(
            "FROM a\nWORKDIR /code\nCOPY . .\n", [(".", "/code")], id="the whole"
        ),
        pytest.param(
            "FROM a\nWORKDIR /code\nWORKDIR sub\nCOPY ./app/ ./\n",
            [("app", "/code/sub")],
            id="below the working folder",
        ),
        pytest.param(
            'FROM a\nCOPY --chown=1:1 ["app", "/app"]\n', [("app", "/app")], id="JSON"
        ),
        pytest.param(
            "FROM a AS build\nCOPY . /build\nFROM b\nCOPY --from=build /x /y\n"
            "COPY lib /lib\n",
            [("lib", "/lib")],
            id="the last stage",
        ),
        pytest.param(
            "FROM a\nCOPY wheels /wheels\nCOPY app /app\n",
            [("app", "/app")],
            id="where the program is",
        ),
        pytest.param(
            "FROM a\nCOPY app lib /srv/\n",
            [("app", "/srv")],
            id="two into one folder",
        ),
        pytest.param(
            "FROM a\nCOPY app /app\nCOPY lib /lib\n",
            [("app", "/app"), ("lib", "/lib")],
            id="two folders",
        ),
        pytest.param(
            "FROM a\nCOPY $WHERE /x\nCOPY ../up /up\nCOPY gone /gone\nCOPY lib /lib\n",
            [("lib", "/lib")],
            id="what cannot be told",
        ),
    ],
)
def test_a_dockerfile_tells_which_folder_goes_where(
    tmp_path: Path, dockerfile: str, expected: list[tuple[str, str]]
) -> None:
    here = project(tmp_path, dockerfile, "app/main.py", "lib/x.py", "wheels/x.whl")

    found = places(here, "")

    assert [(place.local, place.remote) for place in found] == expected
    assert {place.why for place in found} == {"Dockerfile copies it there"}


def test_without_a_dockerfile_it_is_where_the_python_is(tmp_path: Path) -> None:
    here = project(tmp_path, "", "src/pkg/main.py")

    (place,) = places(here, "/code")

    assert (place.local, place.remote) == ("src", "/code")


def test_without_anything_it_is_the_project(tmp_path: Path) -> None:
    (place,) = places(tmp_path, "")

    assert (place.local, place.remote) == (".", "/app")


def test_the_dockerfile_for_development_comes_first(tmp_path: Path) -> None:
    project(tmp_path, "FROM a\n", "Dockerfile.dev")

    assert find_dockerfile(tmp_path) == "Dockerfile.dev"
