from pathlib import Path

import pytest

from syncd.rebuild.output import Output, Step, new_log, step
from tests.full_disk import room_for


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "Step 3/8 : RUN pip install", Step(3, 8, "RUN pip install"), id="docker"
        ),
        pytest.param(
            "#7 [3/8] RUN pip install", Step(3, 8, "RUN pip install"), id="BuildKit"
        ),
        pytest.param(
            "#12 [build 2/4] COPY a b", Step(2, 4, "COPY a b"), id="BuildKit, a stage"
        ),
        pytest.param(
            " > [3/8] RUN false:", Step(3, 8, "RUN false"), id="BuildKit, the failure"
        ),
        pytest.param("STEP 2/3: RUN x", Step(2, 3, "RUN x"), id="podman"),
        pytest.param("[1/2] STEP 2/3: RUN x", Step(2, 3, "RUN x"), id="podman, stages"),
        pytest.param("#7 CACHED", None, id="no step"),
        pytest.param("Successfully built 1234", None, id="the end"),
    ],
)
def test_the_steps_that_builders_announce(line: str, expected: Step | None) -> None:
    assert step(line) == expected


def test_every_line_is_kept_told_and_the_last_ones_remembered(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    path = tmp_path / "logs" / "x.log"

    with Output(
        path, (), lambda line, step: told.append((line, step.number))
    ) as output:
        output.hear("Step 1/2 : FROM x")
        for number in range(30):
            output.hear(f"line {number}")

    assert len(path.read_text().splitlines()) == 31
    assert path.stat().st_mode & 0o777 == 0o600
    assert told[0] == ("Step 1/2 : FROM x", 1)
    assert told[-1] == ("line 29", 1)
    assert output.last == tuple(f"line {number}" for number in range(10, 30))
    assert output.step == Step(1, 2, "FROM x")


def test_a_log_for_which_there_is_no_room_ends_and_the_lines_go_on(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    (tmp_path / "file").touch()

    with (
        room_for(10),
        Output(tmp_path / "x.log", (), lambda line, _: told.append(line)) as output,
    ):
        for line in ("first", "the second", "third"):
            output.hear(line)
    with Output(tmp_path / "file/y/x", (), lambda line, _: told.append(line)) as none:
        none.hear("fourth")

    ends = "the log ends here: File too large"
    nowhere = "the log cannot be kept: Not a directory"
    assert told == ["first", ends, "the second", "third", nowhere, "fourth"]
    assert output.last == ("first", "the second", "third")


def test_secrets_are_written_nowhere(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "x.log"
    secrets = ("hunter2", "hunter2-and-more", "", "abc")

    with Output(path, secrets, lambda line, _: told.append(line)) as output:
        output.hear("fetching https://me:hunter2-and-more@x.example abc hunter2")

    assert told == ["fetching https://me:***@x.example abc ***"]
    assert output.last == tuple(told)
    assert "hunter2" not in path.read_text()


def test_a_line_that_is_no_text_is_kept_all_the_same(tmp_path: Path) -> None:
    with Output(tmp_path / "x.log", (), lambda _, __: None) as output:
        output.hear("caf\udce9")

    assert (tmp_path / "x.log").read_text() == "caf\\udce9\n"


def test_logs_have_names_of_their_own_and_old_ones_make_room(state: Path) -> None:
    (state / "builds").mkdir(parents=True)
    made: list[Path] = []
    for _ in range(25):
        made.append(new_log("deployment/my app"))
        made[-1].touch(exist_ok=False)

    assert sorted((state / "builds").iterdir()) == made[-20:]
    assert made[0].name.startswith("deployment-my-app-")
