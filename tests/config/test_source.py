from pathlib import Path

import pytest

from syncd import config
from syncd.errors import ConfigError


TARGET = (
    '[[{prefix}target]]\nworkload = "deployment/{name}"\n'
    'sync = [{{ local = ".", remote = "/app" }}]\n'
)


def own(folder: Path, name: str = "web") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "syncd.toml"
    path.write_text(TARGET.format(prefix="", name=name))
    return path


def shared(folder: Path, name: str = "web") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(
        '[project]\nname = "x"\n' + TARGET.format(prefix="tool.syncd.", name=name)
    )
    return path


def loaded(cwd: Path) -> config.Settings:
    return config.load(cwd, environ={})


def test_syncd_toml_in_the_working_folder_is_read(project: Path) -> None:
    source = own(project)

    settings = loaded(project)

    assert settings.source == source
    assert settings.project == project
    assert settings.targets[0].workload == "deployment/web"


def test_tool_syncd_in_pyproject_is_read(project: Path) -> None:
    source = shared(project)

    settings = loaded(project)

    assert settings.source == source
    assert settings.targets[0].sync[0].local == project


def test_the_search_goes_upwards_to_the_nearest_file(project: Path) -> None:
    own(project, "outer")
    shared(project / "app", "inner")

    assert loaded(project / "app" / "static").targets[0].title == "deployment/inner"
    assert loaded(project / "web").targets[0].title == "deployment/outer"


def test_a_pyproject_without_syncd_is_passed_by(project: Path) -> None:
    own(project)
    (project / "app" / "pyproject.toml").write_text('[project]\nname = "syncd-user"\n')

    assert loaded(project / "app").project == project


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[project\n", id="no word of syncd"),
        pytest.param(b"[project\n# deployed with syncd\n", id="a word of syncd"),
        pytest.param(b"\xff", id="not UTF-8"),
    ],
)
def test_a_broken_pyproject_that_is_not_for_syncd_is_passed_by(
    project: Path, content: bytes
) -> None:
    own(project)
    (project / "app" / "pyproject.toml").write_bytes(content)

    assert loaded(project / "app").project == project


def test_a_broken_pyproject_that_is_for_syncd_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.syncd\n")

    with pytest.raises(ConfigError, match=r"^pyproject\.toml is not valid TOML: "):
        loaded(project)


def test_two_files_in_one_folder_are_refused(project: Path) -> None:
    own(project)
    shared(project)

    with pytest.raises(ConfigError) as caught:
        loaded(project)

    assert str(caught.value) == (
        "both syncd.toml and [tool.syncd] in pyproject.toml hold settings"
    )
    assert caught.value.hint == (
        "keep syncd.toml and delete [tool.syncd] from pyproject.toml,"
        " or the other way round"
    )


def test_keys_of_pyproject_are_named_in_full(project: Path) -> None:
    shared(project)
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace("remote", "remotes"))

    with pytest.raises(ConfigError) as caught:
        loaded(project)

    assert "pyproject.toml:5: tool.syncd.target[0].sync[0].remotes: " in str(
        caught.value
    )


def test_a_file_in_the_home_folder_does_not_reach_into_projects(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = project.parent
    monkeypatch.setenv("HOME", str(home))
    own(home)

    with pytest.raises(ConfigError, match=r"^no syncd\.toml, nor a pyproject\.toml"):
        loaded(project)
    assert loaded(home).project == home


def test_without_a_file_the_hint_names_the_form_that_needs_none(project: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(project)

    assert str(project) in str(caught.value)
    assert "syncd watch ./app deployment/myapp:/app" in caught.value.hint


def test_a_named_file_is_read_whatever_its_name(project: Path) -> None:
    own(project, "here")
    own(project / "app", "there").rename(project / "app" / "dev.toml")

    settings = config.load(project, environ={}, file=Path("app/dev.toml"))

    assert settings.targets[0].title == "deployment/there"
    assert settings.project == project / "app"


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        pytest.param(
            lambda path: None,
            "x/named.toml cannot be read: No such file or directory",
            id="missing",
        ),
        pytest.param(
            lambda path: path.mkdir(),
            "x/named.toml cannot be read: Is a directory",
            id="folder",
        ),
        pytest.param(
            lambda path: path.write_bytes(b"a = '\xff'"),
            "x/named.toml is not UTF-8 text (byte 5)",
            id="not UTF-8",
        ),
    ],
)
def test_a_named_file_that_cannot_be_read_is_refused(
    project: Path, prepare: object, message: str
) -> None:
    (project / "x").mkdir()
    assert callable(prepare)
    prepare(project / "x" / "named.toml")

    with pytest.raises(ConfigError) as caught:
        config.load(project, environ={}, file=Path("x/named.toml"))

    assert str(caught.value) == message
    assert caught.value.hint


def test_a_named_pyproject_without_syncd_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "x"\n')

    with pytest.raises(
        ConfigError, match=r"^pyproject\.toml has no \[tool\.syncd\] table$"
    ):
        config.load(project, environ={}, file=Path("pyproject.toml"))


def test_a_place_can_be_followed_from_the_working_folder(project: Path) -> None:
    own(project)
    settings = loaded(project)

    key = ("target", 0, "workload")
    assert config.place(settings, key, project) == "syncd.toml:2: target[0].workload"
    assert config.place(settings, key, project / "app").startswith(f"{project}/syncd")


def test_a_home_that_is_a_link_ends_the_search_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = project.parent
    own(home)
    (home / "project" / "link").symlink_to(home)
    monkeypatch.setenv("HOME", str(home / "project" / "link"))

    with pytest.raises(ConfigError, match=r"^no syncd\.toml"):
        loaded(project)


def test_without_a_file_a_place_is_the_key_alone(project: Path) -> None:
    settings = config.from_arguments("app", "web:/app", cwd=project)

    assert config.place(settings, ("target", 0), project) == "target[0]"
