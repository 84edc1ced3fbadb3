"""The normal forms, one table per kind of input."""

import json

import pytest
from hypothesis import given, strategies as st

from syncd.rebuild.normal import insignificant, is_dependency_file, normal_form


PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "app"
version = "1.0"
dependencies = ["fastapi>=0.118", "uvicorn[standard]"]

[project.optional-dependencies]
db = ["sqlalchemy>=2", "psycopg"]

[dependency-groups]
test = ["pytest", {include-group = "db"}]

[project.scripts]
app = "app:main"

[tool.ruff]
line-length = 88

[tool.poetry.dependencies]
python = "^3.11"

[tool.uv.sources]
app = {path = "../app"}

[[tool.uv.index]]
name = "first"
url = "https://a.example"

[[tool.uv.index]]
name = "second"
url = "https://b.example"
"""
UV_LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "anyio"
version = "4.9.0"
wheels = [{ url = "https://x.example/a.whl", hash = "sha256:aa" }]

[[package]]
name = "idna"
version = "3.10"
"""
POETRY_LOCK = UV_LOCK + '\n[metadata]\nlock-version = "2.1"\ncontent-hash = "abc"\n'
PIPFILE_LOCK = json.dumps(
    {"_meta": {"hash": {"sha256": "a"}, "sources": []}, "default": {"a": {"v": "1"}}}
)
PACKAGE_LOCK = json.dumps(
    {
        "name": "app",
        "version": "1.0.0",
        "packages": {
            "": {"name": "app", "version": "1.0.0", "dependencies": {"a": "^1"}},
            "node_modules/a": {"version": "1.0.0", "integrity": "sha512-a"},
        },
    }
)
PACKAGE = json.dumps(
    {"name": "app", "scripts": {"t": "x"}, "dependencies": {"a": "1"}, "engines": {}}
)


def _package(name: str, version: str) -> str:
    return f'[[package]]\nname = "{name}"\nversion = "{version}"\n'


def _reversed(text: str) -> str:
    head, *packages = text.split("[[package]]")
    return head + "".join(f"[[package]]{one}\n" for one in reversed(packages))


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        pytest.param(
            "pyproject.toml",
            PYPROJECT,
            PYPROJECT.replace('version = "1.0"', 'version = "1.1" # released'),
            id="pyproject: the version of the project",
        ),
        pytest.param(
            "pyproject.toml",
            PYPROJECT,
            PYPROJECT.replace("88", "100"),
            id="pyproject: the table of a linter",
        ),
        pytest.param(
            "sub/pyproject.toml",
            PYPROJECT,
            PYPROJECT.replace(
                '["fastapi>=0.118", "uvicorn[standard]"]',
                '[\n  "Uvicorn[standard]", # server\n  "fastapi >= 0.118",\n]',
            ),
            id="pyproject: order, case and spacing of requirements",
        ),
        pytest.param(
            "uv.lock", UV_LOCK, "# by hand\n" + UV_LOCK, id="uv.lock: a comment"
        ),
        pytest.param(
            "uv.lock", UV_LOCK, _reversed(UV_LOCK), id="uv.lock: order of packages"
        ),
        pytest.param(
            "poetry.lock",
            POETRY_LOCK,
            POETRY_LOCK.replace("abc", "def"),
            id="poetry.lock: the hash of pyproject.toml",
        ),
        pytest.param(
            "Pipfile.lock",
            PIPFILE_LOCK,
            json.dumps(json.loads(PIPFILE_LOCK), indent=4).replace('"a"', '"b"', 1),
            id="Pipfile.lock: formatting, and the hash of the Pipfile",
        ),
        pytest.param(
            "package-lock.json",
            PACKAGE_LOCK,
            json.dumps(json.loads(PACKAGE_LOCK), indent=2, sort_keys=True),
            id="package-lock.json: formatting",
        ),
        pytest.param(
            "package-lock.json",
            PACKAGE_LOCK,
            PACKAGE_LOCK.replace(
                '"name": "app", "version": "1.0.0"', '"name": "a", "version": "1.0.1"'
            ),
            id="package-lock.json: the version of the project",
        ),
        pytest.param(
            "package.json",
            PACKAGE,
            PACKAGE.replace('"x"', '"y"').replace('"app"', '"web"'),
            id="package.json: its name and scripts",
        ),
        pytest.param(
            "Dockerfile.dev", "FROM a\n", "# why\nFROM a\n", id="Dockerfile: a comment"
        ),
        pytest.param(
            "app.Dockerfile", "FROM a\n", "FROM a\n\n", id="Dockerfile: a blank line"
        ),
        pytest.param(
            "Dockerfile.dockerignore", "a\n", "a\n# b\n", id="dockerignore: a comment"
        ),
        pytest.param(
            "requirements/dev.txt", "a\nb\n", "b\n\na\n", id="requirements: order"
        ),
        pytest.param(
            "dev-requirements.in", "a\n", "A # b\n", id="requirements: a comment"
        ),
    ],
)
def test_what_does_not_count(name: str, text: str, other: str) -> None:
    assert other != text
    assert normal_form(name, other) == normal_form(name, text)


@pytest.mark.parametrize(
    ("name", "text", "old", "new"),
    [
        pytest.param("pyproject.toml", PYPROJECT, "0.118", "0.119", id="a requirement"),
        pytest.param(
            "pyproject.toml", PYPROJECT, "1.27", "1.28", id="the build system"
        ),
        pytest.param("pyproject.toml", PYPROJECT, ', "psycopg"', "", id="an extra"),
        pytest.param(
            "pyproject.toml", PYPROJECT, '"pytest"', '"pytest<9"', id="a group"
        ),
        pytest.param("pyproject.toml", PYPROJECT, "app:main", "app:run", id="a script"),
        pytest.param(
            "pyproject.toml", PYPROJECT, "^3.11", "^3.12", id="poetry's table"
        ),
        pytest.param(
            "pyproject.toml", PYPROJECT, "../app", "../lib", id="a source of uv"
        ),
        pytest.param(
            "pyproject.toml", PYPROJECT, "//a.e", "//c.e", id="an index of uv"
        ),
        pytest.param("uv.lock", UV_LOCK, "4.9.0", "4.9.1", id="a locked version"),
        pytest.param("uv.lock", UV_LOCK, "sha256:aa", "sha256:ab", id="a locked hash"),
        pytest.param("uv.lock", UV_LOCK, ">=3.11", ">=3.12", id="a locked Python"),
        pytest.param("poetry.lock", POETRY_LOCK, "3.10", "3.11", id="locked by poetry"),
        pytest.param("Pipfile.lock", PIPFILE_LOCK, '"1"', '"2"', id="locked by pipenv"),
        pytest.param("package-lock.json", PACKAGE_LOCK, "sha512-a", "x", id="by npm"),
        pytest.param("package-lock.json", PACKAGE_LOCK, "^1", "^2", id="npm's root"),
        pytest.param("package.json", PACKAGE, '"1"', '"2"', id="a package of npm"),
        pytest.param("yarn.lock", "# a\n", "# a", "# b", id="of another kind"),
    ],
)
def test_what_counts(name: str, text: str, old: str, new: str) -> None:
    assert old in text
    assert normal_form(name, text.replace(old, new)) != normal_form(name, text)


def test_the_order_of_indexes_counts() -> None:
    turned = PYPROJECT.replace("a.example", "-").replace("b.example", "a.example")
    turned = turned.replace("//-", "//b.example")

    assert normal_form("pyproject.toml", turned) != (
        normal_form("pyproject.toml", PYPROJECT)
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project\n"),
        ("uv.lock", "package = 3"),
        ("package.json", "{"),
        ("package-lock.json", "[" * 100_000),
        ("package-lock.json", "[1]"),
        ("Pipfile.lock", "3"),
    ],
)
def test_what_cannot_be_read_counts_all_the_same(name: str, text: str) -> None:
    assert normal_form(name, text) != normal_form(name, text + "\n[x]\ny=1")


def test_a_fact_can_be_named_by_itself() -> None:
    facts = normal_form("pyproject.toml", PYPROJECT)

    assert "project.dependencies: fastapi>=0.118" in facts
    assert "tool.poetry.dependencies: python: ^3.11" in facts


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("requirements.txt", "comments, blank lines, order or spelling"),
        ("a/pyproject.toml", "formatting, or tables that no installer reads"),
        ("yarn.lock", ""),
    ],
)
def test_what_is_free_to_change_has_a_name(name: str, why: str) -> None:
    assert insignificant(name) == why


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("requirements.lock", True),
        ("deploy/app/requirements-dev.txt", True),
        ("requirements/base.txt", True),
        ("setup.cfg", True),
        ("yarn.lock", True),
        ("main.py", False),
        ("notes.txt", False),
        ("Dockerfile", False),
    ],
)
def test_dependency_files_are_known_by_name(name: str, *, expected: bool) -> None:
    assert is_dependency_file(name) is expected


_locked = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.sampled_from(["1.0", "1.1", "2.0"]),
    min_size=1,
    max_size=6,
)


@given(_locked, st.data())
def test_the_order_of_locked_packages_never_counts(
    locked: dict[str, str], data: st.DataObject
) -> None:
    packages = [_package(*item) for item in locked.items()]
    turned = data.draw(st.permutations(packages))

    assert normal_form("uv.lock", "\n".join(turned)) == (
        normal_form("uv.lock", "".join(packages))
    )


@given(_locked, st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_adding_removing_or_repinning_a_locked_package_always_counts(
    locked: dict[str, str], name: str
) -> None:
    changed = {**locked, name: "3.0"}
    text, other = (
        "".join(_package(*item) for item in packages.items())
        for packages in (locked, changed)
    )

    assert normal_form("poetry.lock", other) != normal_form("poetry.lock", text)
    if name not in locked:
        assert normal_form("package.json", json.dumps({"dependencies": changed})) != (
            normal_form("package.json", json.dumps({"dependencies": locked}))
        )
