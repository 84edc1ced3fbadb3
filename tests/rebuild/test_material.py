from pathlib import Path

import pytest

from syncd.config import FromEnv, FromFile, Rebuild
from syncd.rebuild.failure import CannotBuild
from syncd.rebuild.material import facts, gather, written


def settings(**said: object) -> Rebuild:
    return Rebuild.model_validate(said)


def test_plain_settings_add_no_facts() -> None:
    assert facts(Rebuild()) == ()


def test_what_makes_another_image_is_a_fact_but_its_value_is_not_told() -> None:
    found = facts(
        settings(
            platform="linux/amd64",
            builder=["my-build", "{tag}"],
            build_args={"BASE": "python:3.12", "TOKEN": {"env": "PIP_TOKEN"}},
        )
    )

    assert found == (
        "platform: linux/amd64",
        "builder: my-build {tag}",
        "build_args.BASE: e3efd51c9a3540df",
        "build_args.TOKEN: PIP_TOKEN",
    )


def test_another_value_of_a_build_argument_is_another_image() -> None:
    one, two = (settings(build_args={"BASE": base}) for base in ("a", "b"))

    assert facts(one) != facts(two)


def test_values_are_taken_from_where_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine x login me password hunter2-hunter2\n")
    said = settings(
        build_args={"BASE": "python", "TOKEN": {"env": "PIP_TOKEN"}},
        secrets={"pip": {"env": "PIP_TOKEN"}, "netrc": {"file": "netrc"}},
    )

    given = gather(said, tmp_path, {"PIP_TOKEN": "s3cret"})

    assert given.arguments == {"BASE": "python", "TOKEN": "s3cret"}
    assert given.secrets == {
        "pip": "env=PIP_TOKEN",
        "netrc": f"src={tmp_path / 'netrc'}",
    }
    assert set(given.hidden) == {"s3cret", "password", "hunter2-hunter2"}
    assert written(said) == {"BASE": "python"}


def test_a_file_of_the_home_folder_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").touch()

    given = gather(settings(secrets={"a": {"file": "~/.netrc"}}), Path("/else"), {})

    assert given.secrets == {"a": f"src={tmp_path}/.netrc"}


@pytest.mark.parametrize("key", ["build_args", "secrets"])
def test_a_variable_that_is_not_set_is_told(tmp_path: Path, key: str) -> None:
    with pytest.raises(CannotBuild) as caught:
        gather(settings(**{key: {"A": {"env": "PIP_TOKEN"}}}), tmp_path, {})

    assert str(caught.value) == (
        f"the variable PIP_TOKEN is not set, and {key}.A is taken from it"
    )


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match=r"secrets\.a is taken from it: No such file"):
        gather(settings(secrets={"a": {"file": "gone"}}), tmp_path, {})
    with pytest.raises(CannotBuild, match=r"secrets\.a is taken from it: No such file"):
        gather(settings(secrets={"a": {"file": "~nobody-at-all/x"}}), tmp_path, {})


def test_the_two_sources_are_told_apart() -> None:
    said = settings(secrets={"a": {"env": "A"}, "b": {"file": "B"}})

    assert said.secrets == {"a": FromEnv(env="A"), "b": FromFile(file="B")}
