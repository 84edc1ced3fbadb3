from pathlib import Path

import pytest

from syncd.rebuild import building
from syncd.rebuild.builders import BUILDERS, Job
from syncd.rebuild.building import Own, build, find
from syncd.rebuild.failure import CannotBuild
from syncd.rebuild.output import Output
from tests.rebuild.conftest import Programs


NO_BUILDX = "sys.exit(argv[0] == 'buildx')"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    context = tmp_path / "src"
    context.mkdir()
    return Job(context, context / "Dockerfile", "localhost:5000/a:syncd-0", "0123")


def output(tmp_path: Path, *secrets: str) -> Output:
    return Output(tmp_path / "build.log", secrets, lambda _, __: None)


# --- which builder ------------------------------------------------------------------


async def test_buildx_comes_first(programs: Programs) -> None:
    programs.add("docker")
    programs.add("podman")

    assert await find("auto") is BUILDERS["buildx"]


async def test_docker_without_the_plugin_comes_next(programs: Programs) -> None:
    programs.add("docker", NO_BUILDX)
    programs.add("podman")

    assert await find("auto") is BUILDERS["docker"]


@pytest.mark.parametrize("name", ["podman", "nerdctl", "buildah"])
async def test_whatever_is_there_is_taken(programs: Programs, name: str) -> None:
    programs.add(name)

    assert await find("auto") is BUILDERS[name]


async def test_one_whose_daemon_is_down_is_passed_over(programs: Programs) -> None:
    programs.add("docker", "sys.exit('Cannot connect to the Docker daemon')")
    programs.add("podman")

    assert await find("auto") is BUILDERS["podman"]


async def test_one_that_is_named_is_taken_or_nothing_is(programs: Programs) -> None:
    programs.add("docker", "sys.exit('Cannot connect to the Docker daemon')")
    programs.add("podman")

    with pytest.raises(
        CannotBuild, match="Cannot connect to the Docker daemon"
    ) as caught:
        await find("docker")
    assert caught.value.hint.startswith("start its daemon")


async def test_no_builder_at_all_names_all_that_were_looked_for(
    programs: Programs,
) -> None:
    with pytest.raises(CannotBuild) as caught:
        await find("auto")

    assert str(caught.value) == (
        "no builder is installed: looked for buildx, docker, podman, nerdctl, buildah"
        " on PATH"
    )
    assert caught.value.hint.startswith("install docker or podman")


async def test_one_that_fails_without_a_word_is_told_by_its_code(
    programs: Programs,
) -> None:
    programs.add("nerdctl", "sys.exit(7)")

    with pytest.raises(CannotBuild, match="nerdctl does not answer: exit code 7"):
        await find("auto")


async def test_one_that_is_silent_is_given_up(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_PROBE_S", 0.2)
    programs.add("podman", "time.sleep(60)")

    with pytest.raises(CannotBuild, match="podman info was silent for 0 s"):
        await find("podman")


async def test_one_that_cannot_be_run_is_told(
    programs: Programs, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "podman").write_text("#!/no/such/interpreter\n")
    (tmp_path / "bin" / "podman").chmod(0o755)

    with pytest.raises(CannotBuild, match="podman cannot be run: No such file"):
        await find("podman")


async def test_a_command_of_one_s_own_is_taken_as_it_is() -> None:
    assert await find(("my-build", "{tag}")) == Own(("my-build", "{tag}"))


# --- the build ----------------------------------------------------------------------


async def test_the_builder_runs_in_the_context_with_the_values_in_its_environment(
    programs: Programs, tmp_path: Path, job: Job
) -> None:
    programs.add("podman", "print(os.getcwd(), environ['BASE'])")

    with output(tmp_path) as heard:
        await build(BUILDERS["podman"], job, heard, {"BASE": "python"})

    assert heard.last == (f"{job.context} python",)
    assert programs.calls[-1] == list(BUILDERS["podman"].build(job))


async def test_the_classic_builder_is_asked_for_secrets_by_its_switch(
    programs: Programs, tmp_path: Path, job: Job
) -> None:
    programs.add("docker", "print(environ.get('DOCKER_BUILDKIT'))")
    secret = Job(job.context, job.dockerfile, "r", "d", secrets={"a": "env=A"})

    with output(tmp_path) as heard:
        await build(BUILDERS["docker"], job, heard, {})
        await build(BUILDERS["docker"], secret, heard, {})

    assert heard.last == ("None", "1")


async def test_a_failure_names_the_step_and_shows_the_last_lines(
    programs: Programs, tmp_path: Path, job: Job
) -> None:
    script = """
print("Step 1/2 : FROM x")
print("Step 2/2 : RUN pip install -r requirements.txt")
print("ERROR: No matching distribution found for htpx==9")
sys.exit(1)
"""
    programs.add("docker", script)

    with output(tmp_path) as heard, pytest.raises(CannotBuild) as caught:
        await build(BUILDERS["docker"], job, heard, {})

    error = caught.value
    assert str(error) == (
        "docker ended with 1 at step 2 of 2: RUN pip install -r requirements.txt"
    )
    assert error.detail[-1] == "ERROR: No matching distribution found for htpx==9"
    assert error.hint == "no index has htpx==9: correct it in the requirements"
    assert error.stage == "build"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("write /x: no space left on device", "docker system prune"),
        ("dial tcp: lookup registry-1.docker.io: no such host", "network"),
        ("pull access denied for nosuch", "base image"),
        ("COPY failed: file not found in build context", "build context"),
        ("ERROR: ResolutionImpossible: for help", "exclude each other"),
        ("the --mount option requires BuildKit", "buildx"),
        ("Dockerfile parse error line 1: unknown instruction: FORM", "mend it"),
    ],
)
async def test_common_failures_have_a_hint(
    programs: Programs, tmp_path: Path, job: Job, said: str, hint: str
) -> None:
    programs.add("docker", f"print({said!r}); sys.exit(1)")

    with output(tmp_path) as heard, pytest.raises(CannotBuild) as caught:
        await build(BUILDERS["docker"], job, heard, {})

    assert hint in caught.value.hint


async def test_a_builder_that_was_killed_is_told(
    programs: Programs, tmp_path: Path, job: Job
) -> None:
    programs.add("docker", "os.kill(os.getpid(), 9)")

    with output(tmp_path) as heard, pytest.raises(CannotBuild, match="by signal 9"):
        await build(BUILDERS["docker"], job, heard, {})


async def test_a_command_of_one_s_own_builds(
    programs: Programs, tmp_path: Path, job: Job
) -> None:
    programs.add("my-build")

    with output(tmp_path) as heard:
        await build(Own(("my-build", "{context}", "{tag}")), job, heard, {})

    assert programs.calls == [["my-build", str(job.context), job.reference]]


async def test_a_command_that_is_not_there_is_told(tmp_path: Path, job: Job) -> None:
    with output(tmp_path) as heard, pytest.raises(CannotBuild) as caught:
        await build(Own(("/no/such/build", "{tag}")), job, heard, {})

    assert str(caught.value) == (
        "/no/such/build cannot be run: No such file or directory"
    )
