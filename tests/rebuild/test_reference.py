import pytest

from syncd.rebuild.reference import Reference, is_this_machine


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("myapp", Reference("", "myapp")),
        ("myapp:dev", Reference("", "myapp", "dev")),
        ("team/myapp:1.0", Reference("", "team/myapp", "1.0")),
        ("localhost/myapp", Reference("localhost", "myapp")),
        ("localhost:5000/a/b:dev", Reference("localhost:5000", "a/b", "dev")),
        ("ghcr.io/team/myapp", Reference("ghcr.io", "team/myapp")),
        ("ghcr.io/a@sha256:00", Reference("ghcr.io", "a", digest="sha256:00")),
        ("a:1@sha256:00", Reference("", "a", "1", "sha256:00")),
        ("[::1]:5000/a", Reference("[::1]:5000", "a")),
    ],
)
def test_the_parts_of_a_name(written: str, expected: Reference) -> None:
    assert Reference.parse(written) == expected


def test_the_repository_is_the_name_without_the_tag() -> None:
    assert Reference.parse("localhost:5000/a/b:dev").repository == "localhost:5000/a/b"
    assert Reference.parse("a@sha256:00").repository == "a"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("a", True), ("a:latest", True), ("a:1", False), ("a@sha256:00", False)],
)
def test_latest_is_what_has_no_tag_too(written: str, *, expected: bool) -> None:
    assert Reference.parse(written).is_latest is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("k3d-registry.localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("[::1]:5000", True),
        ("ghcr.io", False),
        ("localhost.example:5000", False),
        ("", False),
    ],
)
def test_which_registries_are_on_this_machine(host: str, *, expected: bool) -> None:
    assert is_this_machine(host) is expected
