import os
import time
from pathlib import Path

import pytest

from syncd.rebuild.inputs import Inputs


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose image copies one of its folders."""
    write(
        tmp_path,
        {
            "Dockerfile.dev": "FROM x\nCOPY app/requirements.txt /tmp/\nCOPY app /app\n",
            ".dockerignore": "*.md\n",
            "pyproject.toml": "[project]\ndependencies = ['ruff']\n",
            "app/requirements.txt": "fastapi\n-r ../shared/base.txt\n",
            "app/main.py": "print()\n",
            "app/deep/requirements.txt": "deep\n",
            "shared/base.txt": "anyio\n-c limits.txt\n",
            "shared/limits.txt": "anyio<5\n",
        },
    )
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(inputs: Inputs) -> set[str]:
    return set(inputs.look().inputs)


def test_the_dockerfile_tells_what_the_inputs_are(project: Path) -> None:
    assert names(Inputs(project, "Dockerfile.dev")) == {
        ".dockerignore",
        "Dockerfile.dev",
        "app/requirements.txt",
        "shared/base.txt",
        "shared/limits.txt",
    }


def test_what_never_enters_the_image_is_no_input(project: Path) -> None:
    inputs = Inputs(project, "Dockerfile.dev")
    before = inputs.look().identity.digest

    write(project, {"pyproject.toml": "[project]\ndependencies = ['mypy']\n"})

    assert inputs.look().identity.digest == before


def test_code_is_no_input(project: Path) -> None:
    inputs = Inputs(project, "Dockerfile.dev")
    before = inputs.look()

    write(project, {"app/main.py": "print(1)\n"})

    assert inputs.look() == before


def test_a_file_that_is_copied_by_name_and_named_in_a_run_is_an_input(
    tmp_path: Path,
) -> None:
    text = """
        COPY deps.list setup.sh main.py /tmp/
        RUN ./setup.sh && pip install -r /tmp/deps.list
    """
    files = {"deps.list": "a\n-r b.list", "b.list": "", "setup.sh": "", "main.py": ""}
    write(tmp_path, {"Dockerfile": text, **files})

    look = Inputs(tmp_path, "Dockerfile").look()

    assert {path: each.kind for path, each in look.inputs.items()} == {
        "Dockerfile": "Dockerfile",
        "b.list": "requirements.txt",
        "deps.list": "requirements.txt",
        "setup.sh": "setup.sh",
    }


def test_a_folder_copied_whole_gives_what_installers_read_at_its_top(
    project: Path,
) -> None:
    write(project, {"Dockerfile": "FROM x\nCOPY . /src\nRUN pip install /src\n"})

    assert names(Inputs(project, "Dockerfile")) == {
        ".dockerignore",
        "Dockerfile",
        "pyproject.toml",
    }


def test_patterns_in_a_dockerfile_are_followed(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "COPY package*.json ./", "package-lock.json": "{}"})

    look = Inputs(tmp_path, "Dockerfile").look()

    assert set(look.inputs) == {"Dockerfile", "package-lock.json"}


def test_a_dockerfile_that_cannot_be_followed_falls_back_to_the_top(
    project: Path,
) -> None:
    write(project, {"Dockerfile": "ARG X\nCOPY $X /app\n"})

    assert "pyproject.toml" in names(Inputs(project, "Dockerfile"))
    assert "pyproject.toml" in names(Inputs(project, "no-such-file"))


def test_a_build_argument_can_say_what_is_copied(project: Path) -> None:
    write(project, {"Dockerfile": "ARG X\nCOPY $X /app\n"})

    inputs = Inputs(project, "Dockerfile", arguments={"X": "app/deep"})

    assert "app/deep/requirements.txt" in names(inputs)


def test_the_settings_can_name_the_inputs(project: Path) -> None:
    inputs = Inputs(project, "Dockerfile.dev", ["app/**/requirements.txt"])

    assert names(inputs) == {
        "app/requirements.txt",
        "app/deep/requirements.txt",
        "shared/base.txt",
        "shared/limits.txt",
    }


def test_a_dockerfile_s_own_ignore_file_takes_the_place_of_the_common_one(
    project: Path,
) -> None:
    write(project, {"Dockerfile.dev.dockerignore": "*.txt\n"})

    found = names(Inputs(project, "Dockerfile.dev"))

    assert "Dockerfile.dev.dockerignore" in found
    assert ".dockerignore" not in found


def test_a_file_that_setuptools_reads_is_an_input(tmp_path: Path) -> None:
    dynamic = """
        [tool.setuptools.dynamic]
        dependencies = {file = ["deps/run.txt"]}
        optional-dependencies.dev = {file = "deps/dev.txt"}
    """
    write(
        tmp_path,
        {
            "Dockerfile": "COPY pyproject.toml .",
            "pyproject.toml": dynamic,
            "deps/run.txt": "a",
            "deps/dev.txt": "b",
        },
    )

    assert {"deps/run.txt", "deps/dev.txt"} <= names(Inputs(tmp_path, "Dockerfile"))


@pytest.mark.parametrize("text", ["[tool", "tool = 3", "tool.setuptools.dynamic = 3"])
def test_a_pyproject_that_makes_no_sense_includes_nothing(
    tmp_path: Path, text: str
) -> None:
    write(tmp_path, {"Dockerfile": "COPY pyproject.toml .", "pyproject.toml": text})

    assert names(Inputs(tmp_path, "Dockerfile")) == {"Dockerfile", "pyproject.toml"}


def test_files_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "-r b.txt", "b.txt": "-r a.txt"})
    write(tmp_path, {"requirements.txt": "-r requirements.txt\n"})

    assert names(Inputs(tmp_path, "", ["*.txt"])) == {
        "a.txt",
        "b.txt",
        "requirements.txt",
    }


def test_what_is_no_plain_file_is_no_input_and_keeps_nobody_waiting(
    project: Path,
) -> None:
    (project / "requirements.txt").mkdir()
    os.mkfifo(project / "requirements-fifo.txt")
    (project / "requirements-link.txt").symlink_to("nowhere")

    assert names(Inputs(project, "", ["requirements*.txt"])) == set()


def test_the_folders_to_watch_are_those_where_an_input_may_come(project: Path) -> None:
    write(project, {"Dockerfile.dev": "COPY lib/*.txt app /app/\n-r gone.txt\n"})

    look = Inputs(project, "Dockerfile.dev").look()

    assert look.folders == {project, project / "app", project / "shared"}
    (project / "lib").mkdir()
    assert project / "lib" in Inputs(project, "Dockerfile.dev").look().folders


def test_an_edit_is_told_by_its_bytes_and_a_write_by_its_stamp(project: Path) -> None:
    inputs = Inputs(project, "Dockerfile.dev")
    before = inputs.look()
    comment = "# why\nfastapi\n-r ../shared/base.txt\n"

    write(project, {"app/requirements.txt": comment})
    edited = inputs.look()
    os.utime(project / "app/requirements.txt", ns=(1, 1))
    touched = inputs.look()

    assert edited.edited_since(before) == ("app/requirements.txt",)
    assert edited.identity.digest == before.identity.digest
    assert touched.edited_since(edited) == ()
    assert touched.is_newer_than(edited)
    assert not inputs.look().is_newer_than(touched)


def test_facts_of_the_settings_count(project: Path) -> None:
    plain = Inputs(project, "Dockerfile.dev").look().identity
    other = Inputs(project, "Dockerfile.dev", others=("platform: x",)).look().identity

    assert plain.digest != other.digest


def test_the_place_of_the_project_does_not_count(project: Path) -> None:
    before = Inputs(project, "Dockerfile.dev").look().identity
    moved = project.rename(project.with_name("moved"))

    assert Inputs(moved, "Dockerfile.dev").look().identity == before


def test_a_decision_takes_less_than_20_ms_beside_a_large_lock_file(
    project: Path,
) -> None:
    package = '[[package]]\nname = "p{0}"\nversion = "1.0"\nfiles = [{1}]\n'
    files = ", ".join(f'{{file = "{i}", hash = "sha256:{i:064}"}}' for i in range(8))
    lock = "".join(package.format(number, files) for number in range(400))
    write(project, {"app/poetry.lock": lock})
    inputs = Inputs(project, "Dockerfile.dev")
    before = inputs.look()
    assert "app/poetry.lock" in before.inputs

    write(project, {"app/requirements.txt": "fastapi\nhttpx\n-r ../shared/base.txt\n"})
    took = []
    for _ in range(5):
        started = time.perf_counter()
        assert inputs.look().identity.digest != before.identity.digest
        took.append(time.perf_counter() - started)

    assert min(took) < 0.020
