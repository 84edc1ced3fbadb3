"""One event of each kind."""

from syncd import events
from syncd.events import Event


TARGET = "deployment/myapp"
SERVER = "https://127.0.0.1:6443"
IMAGE = "localhost:5000/myapp:syncd-0123456789ab"


def batch_done(**changes: object) -> events.BatchDone:
    fields: dict[str, object] = {
        "batch": 7,
        "target": TARGET,
        "paths": (b"main.py",),
        "files": 1,
        "deleted": 0,
        "bytes": 2150,
        "replicas": 3,
        "behind": 0,
        "failed": 0,
        "settled_ms": 10.04,
        "scanned_ms": 0.31,
        "packed_ms": 0.82,
        "sent_ms": 1.1,
        "applied_ms": 3.2,
        "total_ms": 15.4,
    }
    return events.BatchDone(**{**fields, **changes})  # type: ignore[arg-type]  # mixed


def path_failed(path: bytes, reason: str = "disk full") -> events.PathFailed:
    return events.PathFailed(
        target=TARGET,
        pod="myapp-1",
        container="web",
        path=path,
        code="disk-full",
        reason=reason,
        hint="free space",
    )


EVENTS: tuple[Event, ...] = (
    events.Started(
        version="0.1.0",
        project="/src/myapp",
        context="k3d-dev",
        server=SERVER,
        targets=(TARGET, "app=db"),
    ),
    events.InStep(replicas=3, since_start_ms=1234.5),
    events.Stopped(reason="told to", batches=1),
    events.ReaderDropped(reader="client 3", behind=2048),
    events.OutputBehind(missed=12),
    events.Failed(message="no kubeconfig", hint="make one"),
    events.FolderScanned(root="/src/app", files=412, folders=1, took_ms=18.2),
    events.WatchStarted(root="/src/app", folders=12, backend="inotify", took_ms=2.5),
    events.WatchDegraded(root="/src/app", reason="no watches left", hint="sysctl"),
    events.WatchOverflowed(root="/src/app", reason="too many events", hint="sysctl"),
    events.RootLost(root="/src/app", hint="put it back"),
    events.RootFound(root="/src/app"),
    events.PathSkipped(root="/src/app", path=b"a\nsock", reason="is a socket"),
    events.SecretsWithheld(
        root="/src/app", paths=(b".env", b"key.pem"), hint="list them in .syncdignore"
    ),
    events.StateUnwritten(
        path="/state/owned/1f0c", reason="No space left on device", hint="make room"
    ),
    events.ApiLost(server=SERVER, reason="connection refused"),
    events.ApiBack(server=SERVER, away_s=3.25),
    events.TargetChanged(
        target=TARGET, replicas=("myapp-1/web",), skipped={"myapp-0": "is leaving"}
    ),
    events.SessionConnected(
        target=TARGET,
        pod="myapp-1",
        container="web",
        via="python3 3.12.1",
        protocol="v5.channel.k8s.io",
        user="app",
        round_trip_ms=1.12,
        took_ms=88.0,
    ),
    events.SessionLimited(
        target=TARGET, pod="myapp-1", container="web", limits=("no Python", "no tar")
    ),
    events.SessionReconciled(
        target=TARGET,
        pod="myapp-1",
        container="web",
        files=12,
        deleted=2,
        bytes=12_345_678,
        kept=3,
        failed=1,
        took_ms=230.0,
    ),
    events.SessionLost(
        target=TARGET, pod="myapp-1", container="web", reason="cut", retry_s=0.5
    ),
    events.SessionRefused(
        target=TARGET, pod="myapp-1", container="web", reason="no shell", hint="add one"
    ),
    events.SessionEnded(target=TARGET, pod="myapp-1", container="web"),
    events.ContainerRestarted(
        target=TARGET, pod="myapp-1", container="web", restarts=2
    ),
    path_failed(b"data/\xff"),
    events.PathNoted(
        target=TARGET,
        pod="myapp-1",
        container="web",
        path=b"a.py",
        code="in-place",
        reason="written in place",
    ),
    events.PathsKept(
        target=TARGET,
        pod="myapp-1",
        container="web",
        paths=(b"a", b"b", b"c", b"d"),
        count=9,
    ),
    events.HookRan(
        target=TARGET,
        pod="myapp-1",
        container="web",
        action="run",
        command="pip install x",
        code=1,
        output="no\n\x1b[31mway",
        took_ms=2100.0,
    ),
    events.HookDropped(
        target=TARGET,
        pod="myapp-1",
        container="web",
        action="run",
        command="pip install x",
        reason="the container was lost twice while it ran",
        hint="give it more memory",
    ),
    events.BatchReloaded(batch=7, pod="myapp-1", container="web", reloaded_ms=512.0),
    events.BatchReady(
        batch=7,
        pod="myapp-1",
        container="web",
        ready_ms=204.0,
        probe="GET http://:8080/healthz",
    ),
    events.ReloadUnready(
        target=TARGET,
        pod="myapp-1",
        container="web",
        batches=(7,),
        probe="GET http://:8080/healthz",
        waited_s=5.0,
        reason="HTTP 503",
    ),
    events.ReloadFailed(
        target=TARGET,
        pod="myapp-1",
        container="web",
        batches=(7,),
        error="SyntaxError: invalid syntax",
        path="/app/main.py",
        line=16,
        tail=("    def (", "SyntaxError: invalid syntax"),
    ),
    events.ReloadHung(
        target=TARGET,
        pod="myapp-1",
        container="web",
        batches=(7, 8),
        server="uvicorn",
        waited_s=5.0,
        hint="start it with --timeout-graceful-shutdown 1",
    ),
    events.ReloadMissed(
        target=TARGET, pod="myapp-1", container="web", batch=7, path=b"new.py"
    ),
    events.ReloadUnwatched(
        target=TARGET, pod="myapp-1", container="web", batch=7, path=b"test_new.py"
    ),
    events.ReloaderAdvised(target=TARGET, server="uvicorn", hint="set inject = true"),
    events.ReloaderInjected(
        target=TARGET, container="web", command=("uvicorn", "main:app"), took_ms=4200.0
    ),
    events.ReloaderRefused(
        target=TARGET, reason="it starts with a shell", hint="set command"
    ),
    events.ReloaderRestored(target=TARGET, container="web", took_ms=3100.0),
    events.BatchSettled(
        batch=7, target=TARGET, files=1, deleted=0, settled_ms=10.04, scanned_ms=0.31
    ),
    events.BatchPacked(
        batch=7, pod="myapp-1", container="web", bytes=2150, packed_ms=0.82
    ),
    events.BatchSent(
        batch=7, pod="myapp-1", container="web", wire_bytes=812, sent_ms=1.1
    ),
    events.BatchApplied(
        batch=7,
        pod="myapp-1",
        container="web",
        files=1,
        deleted=0,
        failed=0,
        applied_ms=3.2,
        total_ms=15.4,
    ),
    batch_done(),
    events.RebuildDecided(
        target=TARGET,
        inputs=("requirements.txt",),
        needed=True,
        reason="requirements.txt: + httpx>=0.28",
        digest="0123456789abcdef",
        took_ms=3.9,
    ),
    events.RebuildDrifted(
        target=TARGET, reason="the image lacks + httpx", hint="drop the run rule"
    ),
    events.RebuildWarned(target=TARGET, reason="myapp:latest moves", hint="use a tag"),
    events.RebuildFound(target=TARGET, image=IMAGE, where="the registry"),
    events.RebuildStarted(
        target=TARGET, image=IMAGE, builder="docker", log="/state/build.log"
    ),
    events.RebuildProgress(
        target=TARGET, step=3, steps=8, said="Step 3/8 : RUN pip install\x1b[31m"
    ),
    events.RebuildBuilt(target=TARGET, image=IMAGE, built_ms=12_345.6),
    events.RebuildDelivered(
        target=TARGET, image=IMAGE, way="pushed to localhost:5000", delivered_ms=1234.5
    ),
    events.RebuildRolling(target=TARGET, image=IMAGE, before="myapp:dev"),
    events.RebuildPods(
        target=TARGET, image=IMAGE, wanted=2, running=2, reconciled=1, ready=0
    ),
    events.RebuildDone(
        target=TARGET,
        image=IMAGE,
        pods=("myapp-2",),
        built_ms=12_345.6,
        delivered_ms=0,
        rolled_ms=3000,
        reconciled_ms=210,
        ready_ms=2100,
        total_ms=18_000,
    ),
    events.RebuildCancelled(target=TARGET, image=IMAGE, stage="build"),
    events.RebuildFailed(
        target=TARGET,
        image=IMAGE,
        stage="build",
        reason="exit 1",
        hint="mend the Dockerfile",
        detail=("no such\tpackage",),
        log="/state/build.log",
    ),
    events.RebuildRolledBack(target=TARGET, image=IMAGE, before="myapp:dev"),
)
