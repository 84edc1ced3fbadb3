"""`syncd demo`: a program in a Pod of the embedded cluster, edited and served.

The same daemon as on a real cluster keeps the Pod in step; only the cluster is small.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import anyio
from anyio import to_thread

from syncd import daemon, events
from syncd.config import Flags, Settings, load
from syncd.errors import ConfigError
from syncd.loopback import door
from syncd.loopback.cluster import Loopback
from syncd.loopback.demo_pod import PORT, deployment, image, reloader, run_warm
from syncd.loopback.image_registry import ImageRegistry


NAMESPACE = "myapp"
PATIENCE_S = 30.0  # for an edit to be served
EDITS_WITHOUT_TERMINAL = 5
_LOOK_EVERY_S = 0.005
BUILDER = (
    *(sys.executable, "-m", "syncd.loopback.builder", "build", "--push"),
    *("-f", "{dockerfile}", "-t", "{tag}", "{context}"),
)
_THINK_S = 1.5  # between edits, as people do; the reloader loads ahead meanwhile

Say = Callable[[str], None]


async def demo(*, edits: int | None, port: int, emit: events.Emit, say: Say) -> int:
    """Serve the program and keep it in step; with `edits`, make that many, and end.

    Without `edits` it runs until cancelled where there is a terminal to edit beside.

    Args:
        edits: How many edits to make.
        port: Where to serve the program on 127.0.0.1; 0 takes a free one.
        emit: Where the daemon's events go.
        say: Prints a line.

    Returns:
        0, or 1 if an edit was not served.

    Raises:
        ConfigError: If what the program needs is not installed.
    """
    if edits is None and not sys.stdout.isatty():
        edits = EDITS_WITHOUT_TERMINAL
    async with running(say) as (cluster, folder), anyio.create_task_group() as tasks:
        backend = partial(address, cluster)
        here = await tasks.start(partial(door.serve, backend, port=port))
        in_step = anyio.Event()
        tasks.start_soon(_keep_in_step, cluster, folder, emit, in_step)
        await in_step.wait()
        _invite(folder, here, say)
        failed = 0
        if edits is None:
            await anyio.sleep_forever()
        else:
            failed = await _Editor(cluster, folder, say).make(edits)
        tasks.cancel_scope.cancel()
    return 1 if failed else 0


@asynccontextmanager
async def running(say: Say) -> AsyncGenerator[tuple[Loopback, Path], None]:
    """Run the program on an embedded cluster while the block lasts.

    Yields the cluster, and a copy of the program's folder that may be edited.

    Raises:
        ConfigError: If what the program needs is not installed.
    """
    program = _program()
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as scratch:
        folder = Path(scratch) / "myapp"
        await to_thread.run_sync(shutil.copytree, program, folder)
        say("Starting the embedded cluster ...")
        async with (
            Loopback(images=[image(folder)]) as cluster,
            ImageRegistry(cluster),
        ):
            await _deploy(cluster)
            yield cluster, folder


def _program() -> Path:
    """Return the folder of myapp: in a checkout, or as it was installed."""
    missing = [name for name in ("fastapi", "uvicorn", "sqlalchemy") if not _has(name)]
    if missing:
        raise ConfigError(
            f"the demo's program needs {', '.join(missing)}",
            hint="pip install 'syncd[demo]', or run `make demo` in a checkout",
        )
    package = Path(__file__).parents[1]
    for folder in (package.parent / "deploy" / "myapp", package / "_myapp"):
        if folder.is_dir():
            return folder
    raise ConfigError("the demo's program is not part of this installation")


def _has(module: str) -> bool:
    return find_spec(module) is not None


async def _deploy(cluster: Loopback) -> None:
    await cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    )
    # A Pod without a root of its own has no place for the reloader.
    workload = deployment()
    if cluster.node.isolated:
        await cluster.apply(reloader(), namespace=NAMESPACE)
        run_warm(workload["spec"]["template"]["spec"])
    await cluster.apply(workload, namespace=NAMESPACE)
    await cluster.ready("deployment/myapp", namespace=NAMESPACE, timeout_s=60)


def address(cluster: Loopback) -> tuple[str, int] | None:
    """Return where the newest ready Pod serves."""
    serving = [
        pod["status"]["podIP"]
        for pod in cluster.all("pods", namespace=NAMESPACE)
        if "deletionTimestamp" not in pod["metadata"]
        and any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in pod["status"].get("conditions", ())
        )
    ]
    return (serving[-1], PORT) if serving else None


async def _keep_in_step(
    cluster: Loopback, folder: Path, emit: events.Emit, in_step: anyio.Event
) -> None:
    def heard(event: events.Event) -> None:
        emit(event)
        if isinstance(event, events.InStep):
            in_step.set()

    await daemon.run(_settings(cluster, folder), heard)


def _settings(cluster: Loopback, folder: Path) -> Settings:
    """Write the project's settings, and read them."""
    project = folder.parent
    (project / "Dockerfile").write_text(f"FROM myapp:demo\nCOPY {folder.name} /app\n")
    (project / "syncd.toml").write_text(
        f"""
[[target]]
workload = "deployment/myapp"
sync = [{{ local = {json.dumps(folder.name)}, remote = "/app" }}]

[target.rebuild]
builder = {json.dumps(BUILDER)}
"""
    )
    flags = Flags(kubeconfig=str(cluster.kubeconfig), namespace=NAMESPACE)
    return load(project, environ={}, flags=flags)


def _invite(folder: Path, port: int, say: Say) -> None:
    say(
        f"""
  edit      {folder / "main.py"}
            change MESSAGE, save, and look again
            add a line to requirements.txt, and the image is built anew
  look at   http://127.0.0.1:{port}/
            http://127.0.0.1:{port}/docs
  end with  Ctrl-C
"""
    )


class _Editor:
    """Makes edits as a person would, and waits until each is served."""

    def __init__(self, cluster: Loopback, folder: Path, say: Say) -> None:
        self._cluster = cluster
        self._file = folder / "main.py"
        self._requirements = folder / "requirements.txt"
        self._say = say
        self._original = self._file.read_text()

    async def make(self, edits: int) -> int:
        """Make `edits` edits; return how many were not served."""
        times = []
        rebuilt = True
        for number in range(1, edits + 1):
            if number == (edits + 1) // 2 + 1:
                rebuilt = await self._rebuild()
            await anyio.sleep(_THINK_S)
            took_s = await self._edit(f"edit {number} of {edits}")
            if took_s is None:
                self._say(f"edit {number}: not served within {PATIENCE_S:.0f} s")
            else:
                times.append(took_s)
                self._say(f"edit {number}: save to served {took_s * 1000:.0f} ms")
        if times:
            self._say(f"median of {len(times)}: {median(times) * 1000:.0f} ms")
        return edits - len(times) + (not rebuilt)

    async def _rebuild(self) -> bool:
        """Add a dependency; return whether another Pod came to serve it."""
        before = address(self._cluster)
        text = await to_thread.run_sync(self._requirements.read_text)
        started = anyio.current_time()
        await to_thread.run_sync(self._requirements.write_text, f"{text}anyio>=4\n")
        with anyio.move_on_after(PATIENCE_S):
            while address(self._cluster) == before or not await self._answer():  # noqa: ASYNC110  # it is HTTP
                await anyio.sleep(_LOOK_EVERY_S)
            took_s = anyio.current_time() - started
            self._say(f"rebuild: a new dependency to a new Pod {took_s:.1f} s")
            return True
        self._say(f"rebuild: no new Pod within {PATIENCE_S:.0f} s")
        return False

    async def _edit(self, message: str) -> float | None:
        new = self._original.replace('"hello from myapp"', repr(message))
        started = anyio.current_time()
        await to_thread.run_sync(self._file.write_text, new)
        with anyio.move_on_after(PATIENCE_S):
            while message not in await self._answer():  # noqa: ASYNC110  # it is HTTP
                await anyio.sleep(_LOOK_EVERY_S)
            return anyio.current_time() - started
        return None

    async def _answer(self) -> str:
        """Return what the program answers, or "" while it restarts."""
        place = address(self._cluster)
        if place is None:
            return ""
        try:
            async with await anyio.connect_tcp(*place) as stream:
                await stream.send(b"GET / HTTP/1.0\r\n\r\n")
                answer = b""
                async for data in stream:
                    answer += data
        except (OSError, anyio.BrokenResourceError):
            return ""
        return answer.decode("utf-8", "replace")
