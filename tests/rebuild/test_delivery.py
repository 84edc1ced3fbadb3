from pathlib import Path

import pytest

from syncd.rebuild.builders import BUILDERS
from syncd.rebuild.building import Own
from syncd.rebuild.delivery import deliver
from syncd.rebuild.failure import CannotDeliver
from syncd.rebuild.output import Output
from syncd.rebuild.route import Route
from tests.rebuild.conftest import Programs
from tests.rebuild.registry import Registry


PUSH = Route("registry:5000/a", "localhost:5000/a", "push")
IMAGE = "localhost:5000/a:syncd-0"


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "build.log", (), lambda _, __: None)


async def test_an_image_is_pushed(programs: Programs, output: Output) -> None:
    programs.add("docker", "print('digest: sha256:00')")

    with output:
        await deliver(PUSH, BUILDERS["docker"], IMAGE, output)

    assert programs.calls == [["docker", "push", IMAGE]]
    assert output.last == ("digest: sha256:00",)


async def test_a_registry_on_this_machine_is_not_expected_to_have_tls(
    programs: Programs, output: Output
) -> None:
    programs.add("podman")

    with output:
        await deliver(PUSH, BUILDERS["podman"], IMAGE, output)
        far = Route("ghcr.io/a", "ghcr.io/a", "push")
        await deliver(far, BUILDERS["podman"], "ghcr.io/a:1", output)

    assert [call[2:-1] for call in programs.calls] == [["--tls-verify=false"], []]


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("dial tcp 127.0.0.1:5000: connect: connection refused", "registry running"),
        ("http: server gave HTTP response to HTTPS client", "expects TLS"),
        ("denied: requested access to the resource is denied", "log in"),
        ("received unexpected HTTP status: 500 Internal Server Error", "disk full"),
        ("something else", "try the same by hand"),
    ],
)
async def test_a_push_that_fails_names_the_image_and_what_to_try(
    programs: Programs, output: Output, said: str, hint: str
) -> None:
    programs.add("docker", f"print('pushing'); print({said!r}); sys.exit(1)")

    with output, pytest.raises(CannotDeliver) as caught:
        await deliver(PUSH, BUILDERS["docker"], IMAGE, output)

    assert str(caught.value) == f"{IMAGE} was not pushed: {said}"
    assert hint in caught.value.hint
    assert caught.value.detail == ("pushing", said)
    assert caught.value.stage == "deliver"


async def test_a_failure_without_a_word_is_told_by_its_code(
    programs: Programs, output: Output
) -> None:
    programs.add("docker", "sys.exit(7)")

    with output, pytest.raises(CannotDeliver, match="exit code 7"):
        await deliver(PUSH, BUILDERS["docker"], IMAGE, output)


async def test_an_image_is_loaded_from_a_file_that_is_gone_afterwards(
    programs: Programs, output: Output
) -> None:
    programs.add("podman", "open(argv[2], 'w').close()")
    programs.add("kind", "print(os.path.exists(argv[2]))")

    with output:
        await deliver(Route("a", "a", "kind", "x"), BUILDERS["podman"], "a:1", output)

    assert output.last == ("True",)
    assert not Path(programs.calls[0][3]).parent.exists()


async def test_a_tool_that_is_missing_is_told(
    programs: Programs, output: Output
) -> None:
    with output, pytest.raises(CannotDeliver) as caught:
        await deliver(Route("a", "a", "k3d", "x"), BUILDERS["docker"], "a:1", output)

    assert str(caught.value) == (
        "a:1 was not loaded by k3d: k3d cannot be run: No such file or directory"
    )
    assert caught.value.hint == "install k3d, or set `deliver` in [target.rebuild]"


async def test_nothing_is_done_where_nodes_share_the_builder_s_images(
    programs: Programs, output: Output
) -> None:
    with output:
        await deliver(Route("a", "a", "none"), BUILDERS["docker"], "a:1", output)

    assert programs.calls == []


async def test_what_a_command_of_one_s_own_has_pushed_is_not_pushed_again(
    programs: Programs, output: Output, registry: Registry
) -> None:
    programs.add("docker")
    registry.images.add("a:1")
    route = Route("registry/a", f"{registry.host}/a", "push")

    with output:
        await deliver(route, Own(("x", "{tag}")), f"{registry.host}/a:1", output)
        assert programs.calls == []
        await deliver(route, Own(("x", "{tag}")), f"{registry.host}/a:2", output)

    assert programs.calls[-1] == ["docker", "push", f"{registry.host}/a:2"]


async def test_what_nobody_here_can_push_is_told(
    programs: Programs, output: Output, registry: Registry
) -> None:
    route = Route("registry/a", f"{registry.host}/a", "push")

    with output, pytest.raises(CannotDeliver, match="a command of your own"):
        await deliver(route, Own(("x", "{tag}")), f"{registry.host}/a:1", output)
