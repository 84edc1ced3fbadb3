"""The container runtime, seen from the node: start a process, hear of its end.

The work is done by the shim, a small process of its own (see `shim.py`).
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import anyio


# The shim must not pay for the package's own imports, nor hold their memory: the
# packages above it are made up, empty but for their folders.
_BOOT = """
import sys, types
root = sys.argv.pop(1)
for name, folder in (("syncd", root), ("syncd.loopback", root + "/loopback")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from syncd.loopback.runtime.shim import main
main()
"""
_START_S = 10.0


class StartFailed(Exception):
    """A process could not be started; says why in the runtime's words."""


class RuntimeDied(Exception):
    """The shim ended by itself, and all containers with it."""


class Process:
    """A process in a container, started by `Runtime.spawn`.

    Attributes:
        id: What others name to join its container.
        code: The exit code, 128 + n for signal n; set once `ended` is.
        oom: Whether it was killed for its container's memory limit.
        ended: Set when the process has ended.
    """

    def __init__(self, runtime: "Runtime", number: int) -> None:
        self.id = number
        self.code = -1
        self.oom = False
        self.ended = anyio.Event()
        self._runtime = runtime
        self._started: asyncio.Future[None] = asyncio.Future()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if not self.ended.is_set():
            self._runtime.tell({"op": "kill", "id": self.id, "signal": int(number)})


class Runtime:
    """Starts processes through a shim of its own.

    Attributes:
        isolated: Whether containers have namespaces; known once it is ready.
        obstacle: Why not, if they have none.
    """

    def __init__(self, folder: Path, isolation: Literal["auto", "none"]) -> None:
        self._folder = folder
        self._isolation = isolation
        self._numbers = itertools.count(1)
        self._processes: dict[int, Process] = {}
        self._outbox: asyncio.Queue[tuple[bytes, Sequence[int]]] = asyncio.Queue()
        self._ready = anyio.Event()
        self._stopped = False
        self.isolated = False
        self.obstacle = ""

    async def run(self) -> None:
        """Run the shim until cancelled; then every process is dead.

        Raises:
            RuntimeDied: If the shim ended before.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        shim = await anyio.to_thread.run_sync(self._launch, theirs)
        theirs.close()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send, ours)
                await self._receive(ours)
                tasks.cancel_scope.cancel()
            raise RuntimeDied  # a node that is stopped is cancelled before
        finally:
            ours.close()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(_await_end, shim)
            self._all_ended()

    def _launch(self, sock: socket.socket) -> subprocess.Popen[bytes]:
        stage = self._folder / "stage"
        stage.mkdir(parents=True, exist_ok=True)
        package = str(Path(__file__).parents[2])
        arguments = [package, str(sock.fileno()), self._isolation, str(stage)]
        return subprocess.Popen(  # noqa: S603 -- our own interpreter and code
            [sys.executable, "-I", "-S", "-c", _BOOT, *arguments],
            stdin=subprocess.DEVNULL,
            pass_fds=[sock.fileno()],
            start_new_session=True,  # the terminal's Ctrl-C is for syncd alone
        )

    async def ready(self) -> None:
        """Wait until processes can be started."""
        with anyio.fail_after(_START_S):
            await self._ready.wait()

    async def spawn(self, order: dict[str, Any], stdio: Sequence[int]) -> Process:
        """Start a process with these three descriptors, which are closed here.

        Raises:
            StartFailed: If it does not get as far as exec.
        """
        if self._stopped:
            for fd in stdio:
                os.close(fd)
            raise StartFailed("the node was stopped")
        process = Process(self, next(self._numbers))
        self._processes[process.id] = process
        complete: dict[str, Any] = {"op": "spawn", "id": process.id, **order}
        self._outbox.put_nowait((_framed(complete), tuple(stdio)))
        try:
            await process._started  # noqa: SLF001 -- one class in two halves
        except asyncio.CancelledError:
            process.kill()
            raise
        return process

    def tell(self, message: dict[str, Any]) -> None:
        """Send an order that needs no answer."""
        self._outbox.put_nowait((_framed(message), ()))

    async def _send(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data, fds = await self._outbox.get()
            try:
                if fds:
                    # A socket that is full is a shim that is busy: it will not be long.
                    while not _send_fds(sock, data[:4], fds):
                        await anyio.wait_writable(sock)
                    data = data[4:]
                await loop.sock_sendall(sock, data)
            except ConnectionError:
                return  # the shim is dead, which its silence tells the receiver
            finally:
                for fd in fds:
                    os.close(fd)

    async def _receive(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        inbox = b""
        while True:
            try:
                data = await loop.sock_recv(sock, 65536)
            except ConnectionResetError:
                return
            if not data:
                return
            inbox += data
            while len(inbox) >= 4:
                end = 4 + struct.unpack(">I", inbox[:4])[0]
                if len(inbox) < end:
                    break
                self._hear(json.loads(inbox[4:end]))
                inbox = inbox[end:]

    def _hear(self, message: dict[str, Any]) -> None:
        match message:
            case {"event": "ready", "isolated": isolated, "why": why}:
                self.isolated, self.obstacle = isolated, why
                self._ready.set()
            case {"event": "started", "id": number}:
                _settle(self._processes[number])
            case {"event": "failed", "id": number, "why": why}:
                _settle(self._processes.pop(number), StartFailed(why))
            case {"event": "exited", "id": number, "code": code, "oom": oom}:
                process = self._processes.pop(number)
                process.code, process.oom = code, oom
                process.ended.set()
            case _:
                raise AssertionError(f"the shim says {message}")

    def _all_ended(self) -> None:
        self._stopped = True
        while not self._outbox.empty():
            for fd in self._outbox.get_nowait()[1]:
                os.close(fd)
        while self._processes:
            _, process = self._processes.popitem()
            _settle(process, StartFailed("the node was stopped"))
            process.code = 137
            process.ended.set()


def _settle(process: Process, error: StartFailed | None = None) -> None:
    started = process._started  # noqa: SLF001 -- one class in two halves
    if started.done():
        return
    if error is None:
        started.set_result(None)
    else:
        started.set_exception(error)


def _framed(message: dict[str, Any]) -> bytes:
    data = json.dumps(message).encode()
    return struct.pack(">I", len(data)) + data


def _send_fds(sock: socket.socket, data: bytes, fds: Sequence[int]) -> bool:
    try:
        sent = socket.send_fds(sock, [data], fds)
    except BlockingIOError:
        return False
    if sent != len(data):
        raise BrokenPipeError("the shim takes no orders")
    return True


def _await_end(shim: subprocess.Popen[bytes]) -> None:
    # Its end of the socket is closed, so it goes by itself; if it is stuck, then not.
    with contextlib.suppress(subprocess.TimeoutExpired):
        shim.wait(2)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shim.pid, signal.SIGKILL)
    shim.wait()
