from dataclasses import dataclass

import pytest

from syncd import events
from syncd.events import Event
from syncd.ui.lines import Line, line
from tests.ui.samples import EVENTS, IMAGE, TARGET, batch_done


SAID = {
    "syncd.started": (
        "syncd 0.1.0",
        "k3d-dev at https://127.0.0.1:6443: deployment/myapp, app=db",
    ),
    "syncd.in_step": ("in step", "3 replicas, 1.2 s"),
    "syncd.stopped": ("stopped", "told to, 1 batch"),
    "control.reader_dropped": (
        "control socket",
        "client 3 was 2,048 events behind, and gets no more",
    ),
    "output.behind": ("output", "12 events left out: nobody read them"),
    "container.restarted": ("myapp-1/web", "was started anew, restart 2"),
    "error": ("error", "no kubeconfig"),
    "folder.scanned": ("/src/app", "412 files in 1 folder, 18 ms"),
    "watch.started": ("/src/app", "12 folders watched by inotify, 2.5 ms"),
    "watch.degraded": ("/src/app", "no watches left"),
    "watch.overflowed": ("/src/app", "too many events"),
    "watch.root_lost": (
        "/src/app",
        "the local folder is gone; nothing is deleted because of it",
    ),
    "watch.root_found": ("/src/app", "the local folder is back"),
    "path.skipped": (r"a\nsock", "not sent: is a socket"),
    "secrets.withheld": ("secrets", "2 files stay here: .env, key.pem"),
    "state.unwritten": (
        "/state/owned/1f0c",
        (
            "cannot be written: No space left on device; what is deleted here while"
            " syncd does not run may stay in the containers"
        ),
    ),
    "api.lost": ("https://127.0.0.1:6443", "no answer: connection refused"),
    "api.back": ("https://127.0.0.1:6443", "answers again, after 3.2 s"),
    "target.changed": ("deployment/myapp", "1 replica: myapp-1/web"),
    "session.connected": (
        "myapp-1/web",
        (
            "connected as app by python3 3.12.1, v5.channel.k8s.io, round trip 1.1 ms,"
            " 88 ms"
        ),
    ),
    "session.limited": ("myapp-1/web", "no Python; no tar"),
    "session.reconciled": (
        "myapp-1/web",
        "in step: 12 files sent, 12 MiB, 2 deleted, 3 kept, 1 failed, 230 ms",
    ),
    "session.lost": ("myapp-1/web", "lost: cut; again in 500 ms"),
    "session.refused": ("myapp-1/web", "no shell"),
    "session.ended": ("myapp-1/web", "is no longer a replica"),
    "path.failed": (r"data/\xff", "myapp-1/web: disk full"),
    "path.noted": ("a.py", "myapp-1/web: written in place"),
    "path.kept": ("myapp-1/web", "keeps 9 paths that only it has: a, b, c +6"),
    "hook.ran": ("myapp-1/web", "run pip install x: exit 1, 2.1 s"),
    "hook.dropped": (
        "myapp-1/web",
        "run pip install x is given up: the container was lost twice while it ran",
    ),
    "batch.reloaded": ("batch 7", "myapp-1/web: reloaded, 512 ms"),
    "batch.ready": ("batch 7", "myapp-1/web: ready, 204 ms after it reloaded"),
    "reload.unready": (
        "myapp-1/web",
        "reloaded, but not ready for 5.0 s: GET http://:8080/healthz: HTTP 503",
    ),
    "reload.failed": (
        "myapp-1/web",
        "the program does not start: SyntaxError: invalid syntax (/app/main.py:16)",
    ),
    "reload.hung": (
        "myapp-1/web",
        "uvicorn has not reloaded for 5.0 s; 2 batches not served yet",
    ),
    "reload.missed": (
        "new.py",
        "myapp-1/web did not notice the change; it is written once more",
    ),
    "reload.unwatched": (
        "test_new.py",
        "myapp-1/web does not reload for it: it does not use it now",
    ),
    "reloader.advised": (
        "deployment/myapp",
        "uvicorn starts the program anew for each edit",
    ),
    "reloader.injected": (
        "deployment/myapp",
        "web runs under the warm reloader: uvicorn main:app, 4.2 s",
    ),
    "reloader.refused": (
        "deployment/myapp",
        "not run under the warm reloader: it starts with a shell",
    ),
    "reloader.restored": (
        "deployment/myapp",
        "web is as it was before the warm reloader, 3.1 s",
    ),
    "batch.settled": ("batch 7", "1 file, 0 deleted, settled 10 ms, scanned 0.3 ms"),
    "batch.packed": ("batch 7", "myapp-1/web: 2.1 KiB packed, 0.8 ms"),
    "batch.sent": ("batch 7", "myapp-1/web: 812 B sent, 1.1 ms"),
    "batch.applied": ("batch 7", "myapp-1/web: applied, 3.2 ms, 15 ms in all"),
    "batch.done": ("main.py", "1 file, 2.1 KiB → 3 replicas, 15 ms"),
    "rebuild.decided": (
        "requirements.txt",
        "needs another image: requirements.txt: + httpx>=0.28, 3.9 ms",
    ),
    "rebuild.drifted": (TARGET, "the image lacks + httpx"),
    "rebuild.warned": (TARGET, "myapp:latest moves"),
    "rebuild.found": (TARGET, f"no build: the registry has {IMAGE}"),
    "rebuild.started": (TARGET, f"docker builds {IMAGE}; log: /state/build.log"),
    "rebuild.progress": (TARGET, r"Step 3/8 : RUN pip install\x1b[31m"),
    "rebuild.built": (TARGET, f"built {IMAGE}, 12.3 s"),
    "rebuild.delivered": (TARGET, "pushed to localhost:5000, 1.2 s"),
    "rebuild.rolling": (TARGET, f"rolls out {IMAGE} in place of myapp:dev"),
    "rebuild.pods": (TARGET, "2 new Pods: 2 running, 1 in step, 0 ready"),
    "rebuild.done": (
        TARGET,
        (
            f"1 Pod of {IMAGE}: built 12.3 s · rolled out 3.0 s · in step 210 ms"
            " · ready 2.1 s, 18.0 s in all"
        ),
    ),
    "rebuild.cancelled": (
        TARGET,
        f"build of {IMAGE} cancelled: another image is needed now",
    ),
    "rebuild.failed": (TARGET, f"build of {IMAGE} failed: exit 1"),
    "rebuild.rolled_back": (TARGET, f"is back to myapp:dev: {IMAGE} did not come up"),
}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_every_event_has_words(event: Event) -> None:
    said = line(event)

    assert (said.subject, said.said) == SAID[event.name]


def test_there_is_a_sample_of_every_event() -> None:
    kinds = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
    }

    assert {type(event) for event in EVENTS} == kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Unworded(Event):
    name = "new.thing"
    level = "warning"
    count: int
    path: bytes
    hint: str


def test_an_event_without_words_says_its_fields() -> None:
    event = Unworded(count=3, path=b"a\x1b", hint="look")

    assert line(event) == Line(
        subject="new.thing", said=r"count=3 path=a\x1b", hint="look", level="warning"
    )


def test_a_target_without_replicas_says_why() -> None:
    event = events.TargetChanged(
        target=TARGET, replicas=(), skipped={"myapp-0": "is leaving"}, note="it has 0"
    )

    assert line(event) == Line(
        subject=TARGET,
        said="no container to sync yet: it has 0",
        body=("myapp-0 is left out: is leaving",),
        level="warning",
    )


def test_only_a_hook_that_failed_shows_its_output() -> None:
    failed = next(each for each in EVENTS if isinstance(each, events.HookRan))
    fields = events.as_dict(failed)
    passed = events.HookRan(**{**fields, "code": 0})  # type: ignore[arg-type]  # mixed
    killed = events.HookRan(**{**fields, "code": None})  # type: ignore[arg-type]  # mixed

    assert line(failed).body == ("no", r"\x1b[31mway")
    assert line(failed).level == "error"
    assert line(passed).body == ()
    assert line(passed).level == "info"
    assert "did not end in time" in line(killed).said


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pytest.param(
            batch_done(behind=1, replicas=2),
            "1 file, 2.1 KiB → 2 of 3 replicas, 15 ms",
            id="one replica behind",
        ),
        pytest.param(
            batch_done(replicas=0, behind=2),
            "1 file, 2.1 KiB → 2 replicas out of reach",
            id="nobody there",
        ),
        pytest.param(
            batch_done(files=0, deleted=2, bytes=0),
            "2 deleted → 3 replicas, 15 ms",
            id="deletes only",
        ),
        pytest.param(
            batch_done(failed=1),
            "1 file, 2.1 KiB → 3 replicas, 1 failed, 15 ms",
            id="a path failed",
        ),
    ],
)
def test_a_batch_says_what_changed_and_where_it_is(
    event: events.BatchDone, said: str
) -> None:
    assert line(event).said == said


def test_a_container_that_was_equal_already_says_so() -> None:
    event = events.SessionReconciled(
        target=TARGET,
        pod="myapp-1",
        container="web",
        files=0,
        deleted=0,
        bytes=0,
        kept=0,
        failed=0,
        took_ms=41.2,
    )

    assert line(event).said == "in step: nothing to send, 41 ms"


def test_an_edit_that_means_nothing_says_why() -> None:
    event = events.RebuildDecided(
        target=TARGET,
        inputs=(),
        needed=False,
        reason="only order",
        digest="",
        took_ms=3,
    )

    assert line(event) == Line(subject=TARGET, said="no rebuild: only order, 3.0 ms")


def test_a_rebuild_that_failed_shows_the_last_words_and_where_all_of_them_are() -> None:
    failed = next(each for each in EVENTS if isinstance(each, events.RebuildFailed))
    fields = events.as_dict(failed)
    unlogged = events.RebuildFailed(**{**fields, "log": ""})  # type: ignore[arg-type]  # mixed

    assert line(failed).body == (r"no such\tpackage", "all of it: /state/build.log")
    assert line(failed).hint == "mend the Dockerfile"
    assert line(unlogged).body == (r"no such\tpackage",)
