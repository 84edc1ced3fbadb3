import pytest

from syncd.rebuild.sentence import Facts, sentence
from syncd.rebuild.trouble import Kind, Trouble
from tests.rebuild.objects import NEW, ended, pod, waiting


def said(trouble: Trouble, **facts: object) -> tuple[str, str]:
    error = sentence(trouble, Facts(**facts))  # type: ignore[arg-type]  # mixed
    return str(error), error.hint


def crashed(code: int = 1, restarts: int = 2, message: str = "") -> Trouble:
    last = ended(code=code, message=message)
    return Trouble("crash", pod(last=last, restarts=restarts, state={}), "app")


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ('failed to resolve reference "x": not found', "name the same registry?"),
        ("dial tcp: lookup registry: no such host", "by another name"),
        ("server gave HTTP response to HTTPS client", "expect TLS"),
        ("pull access denied, authorization failed", "imagePullSecret"),
        ("something else", ""),
    ],
)
def test_a_pull_names_the_reference_and_what_the_node_answered(
    told: str, hint: str
) -> None:
    trouble = Trouble("pull", pod(state=waiting("ImagePullBackOff")), "app", "backing")
    events = ("Pulling image", f'Failed to pull image "{NEW}": {told}', "Back-off")

    reason, advice = said(trouble, events=events)

    assert reason == f"web-1 cannot pull {NEW}: {told}"
    assert hint in advice


def test_a_pull_of_which_no_event_tells_is_told_by_the_pod() -> None:
    reason, _ = said(Trouble("pull", pod(), "app", "not\n  found"))

    assert reason == f"web-1 cannot pull {NEW}: not found"


def test_a_crash_names_the_exit_code_and_keeps_the_last_words() -> None:
    error = sentence(crashed(), Facts(log=("Traceback", "KeyError: 'A'")))

    assert str(error) == "container app of web-1 crashed 3 times: exit code 1"
    assert error.detail == ("Traceback", "KeyError: 'A'")
    assert error.stage == "roll out"


def test_a_crash_can_come_with_a_message() -> None:
    reason, _ = said(crashed(restarts=0, message="bad config"))

    assert reason == "container app of web-1 crashed once: exit code 1: bad config"


def test_a_crash_by_a_probe_is_told_as_that() -> None:
    probe = "Liveness probe failed: HTTP probe failed with statuscode: 500"

    reason, hint = said(crashed(code=137), events=("Started", probe))

    assert reason.endswith(f"crashed 3 times: it was killed, for {probe}")
    assert hint == "mend the program or the probe"


@pytest.mark.parametrize(
    ("limit", "used", "reason"),
    [
        ("64Mi", "60Mi", "reached its memory limit of 64Mi, 60Mi when last measured"),
        ("64Mi", "", "reached its memory limit of 64Mi"),
        ("", "", "used up the node's memory"),
    ],
)
def test_out_of_memory_names_the_limit_and_the_use(
    limit: str, used: str, reason: str
) -> None:
    trouble = Trouble("oom", pod(limit=limit), "app")

    assert said(trouble, used=used)[0] == (
        f"container app of web-1 was OOM-killed: it {reason}"
    )


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ("container has runAsNonRoot and image will run as root", "USER by number"),
        ('exec: "uvicorn": executable file not found in $PATH', "CMD"),
        ('secret "postgres" not found', "make what is named"),
        ("exec /app/run: permission denied", "execute it"),
        ("", "kubectl describe pod web-1"),
    ],
)
def test_what_cannot_be_started_says_why(told: str, hint: str) -> None:
    reason, advice = said(Trouble("create", pod(), "app", told))

    assert reason.endswith(told or "the node does not say why")
    assert hint in advice


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("schedule", "web-1 fits on no node: it says"),
        ("forbidden", "no new Pod may be made: it says"),
        (
            "deadline",
            "no progress within progressDeadlineSeconds: it says (Readiness probe failed)",
        ),
        ("unready", "app of web-1 runs, but is not ready after 60 s: Readiness"),
        ("unstarted", "web-1 after 60 s: it says (Readiness probe failed)"),
        ("missing", "no new Pods came to stay within 60 s: Readiness probe failed"),
    ],
)
def test_every_other_trouble_has_a_sentence(kind: Kind, expected: str) -> None:
    trouble = Trouble(kind, pod(), "app", "it says")

    reason, hint = said(trouble, events=("Readiness probe failed",), waited_s=60.0)

    assert expected in reason
    assert hint


@pytest.mark.parametrize("kind", ["deadline", "unready", "unstarted", "missing"])
def test_without_events_it_is_said_with_what_there_is(kind: Kind) -> None:
    reason, _ = said(Trouble(kind, pod(), "app", "it says"))

    assert reason.rstrip().endswith(("says", "yet", "why"))
