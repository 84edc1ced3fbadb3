"""The process between a node and its containers, as containerd's shim is.

It forks quickly because it is small, joins containers because it has no threads, hears
of every end because it is the parent, and ends everything when the node's end of the
socket closes, however that came about. It runs apart from the node, as
`python -I -S -c BOOT`, and imports nothing but the standard library and its neighbours.

What is said, each way, is a JSON object behind its length (4 bytes, big endian); an
order to spawn brings three descriptors, for stdin, stdout and stderr.

    node → shim   {"op": "spawn", **Order}   {"op": "kill", "id": 7, "signal": 9}
    shim → node   {"event": "ready", "isolated": true, "why": ""}
                  {"event": "started", "id": 7} | {"event": "failed", "id": 7, "why": …}
                  {"event": "exited", "id": 7, "code": 137, "oom": false}
"""

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any, NoReturn, cast

from syncd.loopback.runtime import isolation, namespaces, spawn
from syncd.loopback.runtime.census import Census
from syncd.loopback.runtime.spawn import LINUX, Order


_POLL_S = 0.1


@dataclasses.dataclass(slots=True)
class Child:
    """One process that the shim started."""

    order: Order
    pid: int
    # Reads the reason of a failed start; ends empty when exec succeeded.
    trouble: int | None
    oom: bool = False


class Shim:
    """The loop: orders in, ends out."""

    def __init__(self, sock: socket.socket, *, isolated: bool, owner: int) -> None:
        self._sock = sock
        self._isolated = isolated
        self._owner = owner
        self._inbox = b""
        self._fds: list[int] = []
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._self_fd = os.pidfd_open(os.getpid()) if isolated else None
        self._census = Census(isolated=isolated)

    def run(self) -> None:
        """Serve until the node is gone, then end everything."""
        alarm, wake = socket.socketpair()
        alarm.settimeout(0)
        wake.settimeout(0)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._sock, selectors.EVENT_READ)
        self._selector.register(alarm, selectors.EVENT_READ)
        try:
            self._serve(alarm)
        finally:
            signal.set_wakeup_fd(-1)
            self._end_all()

    def _serve(self, alarm: socket.socket) -> None:
        open_ = True
        while open_:
            limited = any(child.order["memory"] for child in self._children.values())
            for key, _ in self._selector.select(_POLL_S if limited else None):
                if key.fileobj is self._sock:
                    open_ = self._receive()
                elif key.fileobj is alarm:
                    alarm.recv(4096)
                else:
                    self._settle_start(cast("Child", key.data))
            self._enforce_memory()
            self._reap()

    def _receive(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, 65536, 64)
        except ConnectionResetError:  # the node went, and left words unread
            return False
        for fd in fds:
            os.set_inheritable(fd, False)  # noqa: FBT003 -- of the standard library
        self._fds += fds
        self._inbox += data
        while len(self._inbox) >= 4:
            end = 4 + struct.unpack(">I", self._inbox[:4])[0]
            if len(self._inbox) < end:
                break
            message = json.loads(self._inbox[4:end])
            self._inbox = self._inbox[end:]
            self._obey(message)
        return bool(data)

    def _obey(self, message: dict[str, Any]) -> None:
        if message.pop("op") == "spawn":
            stdio, self._fds = self._fds[:3], self._fds[3:]
            self._spawn(cast("Order", message), stdio)
            for fd in stdio:
                os.close(fd)
        elif child := self._children.get(message["id"]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, message["signal"])

    def _spawn(self, order: Order, stdio: list[int]) -> None:
        first = self._children.get(order["joins"])
        if order["joins"] and first is None:
            self._tell(event="failed", id=order["id"], why="container not running")
            return
        ours, theirs = os.pipe()
        with contextlib.ExitStack() as closing:
            closing.callback(os.close, theirs)
            try:
                joined = None
                if first is not None and self._isolated:
                    joined = os.pidfd_open(first.pid)
                    closing.callback(os.close, joined)
                pid = self._fork(joined)
            except OSError as error:
                # The container's first process ended a moment ago, and its
                # namespaces take nobody in any more.
                os.close(ours)
                self._tell(event="failed", id=order["id"], why=str(error))
                return
            if pid == 0:
                self._become(order, stdio, joined, theirs)
        child = Child(order, pid, ours)
        self._children[order["id"]] = child
        self._selector.register(ours, selectors.EVENT_READ, child)

    def _fork(self, joined: int | None) -> int:
        """Fork into the PID namespace of the pidfd `joined`, or into a new one."""
        if self._self_fd is None:
            return os.fork()
        try:
            if joined is None:
                namespaces.unshare(namespaces.CLONE_NEWPID)
            else:
                namespaces.setns(joined, namespaces.CLONE_NEWPID)
            return os.fork()
        finally:
            # In the child this fails, and need not work: that one stays where it is.
            with contextlib.suppress(OSError):
                namespaces.setns(self._self_fd, namespaces.CLONE_NEWPID)

    def _become(
        self, order: Order, stdio: list[int], joined: int | None, trouble: int
    ) -> NoReturn:
        try:
            spawn.become(
                order, stdio, joined, isolated=self._isolated, owner=self._owner
            )
        except (OSError, ValueError) as error:
            os.write(trouble, spawn.reason(error).encode())
        finally:
            os._exit(127)

    def _settle_start(self, child: Child) -> None:
        """Report how the start of `child` went, now that it is known."""
        if child.trouble is None:
            return
        why = b"".join(iter(lambda: os.read(child.trouble or 0, 4096), b""))
        self._selector.unregister(child.trouble)
        os.close(child.trouble)
        child.trouble = None
        if why:
            self._children.pop(child.order["id"], None)
            self._tell(event="failed", id=child.order["id"], why=why.decode())
        else:
            self._tell(event="started", id=child.order["id"])

    def _reap(self) -> None:
        by_pid = {child.pid: child for child in self._children.values()}
        for pid, status in _ended():
            if child := by_pid.get(pid):
                self._settle_start(child)
                if self._children.pop(child.order["id"], None):
                    self._report(child, status)

    def _report(self, child: Child, status: int) -> None:
        if not child.order["joins"]:
            self._end_container(child)
        code = os.waitstatus_to_exitcode(status)
        code = code if code >= 0 else 128 - code
        self._tell(event="exited", id=child.order["id"], code=code, oom=child.oom)

    def _end_container(self, first: Child) -> None:
        """Kill what the kernel does not kill by itself when `first` is no init."""
        if not self._isolated:
            for pid in self._pids_of(first):
                _kill_group(pid)

    def _pids_of(self, first: Child) -> list[int]:
        """The processes of a container that were started from here."""
        number = first.order["id"]
        every = self._children.values()
        joined = [child.pid for child in every if child.order["joins"] == number]
        return [first.pid, *joined]

    def _enforce_memory(self) -> None:
        for child in list(self._children.values()):
            if limit := child.order["memory"]:
                victim = self._census.fattest_above(self._pids_of(child), limit)
                for other in self._children.values():
                    other.oom |= other.pid == victim
                if victim:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)

    def _tell(self, **message: object) -> None:
        data = json.dumps(message).encode()
        with contextlib.suppress(OSError):  # the node is gone: soon known by its end
            self._sock.sendall(struct.pack(">I", len(data)) + data)

    def _end_all(self) -> None:
        if self._isolated:
            return  # the kernel kills a PID namespace with its first process
        for child in self._children.values():
            _kill_group(child.pid)
        for pid in self._census.descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _ended() -> Iterator[tuple[int, int]]:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, status


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Serve the node at the other end of the descriptor `argv[1]`.

    `argv[2]` is `auto` or `none`, whether to isolate; `argv[3]` an empty folder.
    """
    sock = socket.socket(fileno=int(sys.argv[1]))
    stage = sys.argv[3]
    owner = os.geteuid()
    why = "this is not Linux" if not LINUX else ""
    if sys.argv[2] == "none":
        why = "asked not to"
    why = why or isolation.trouble(stage)
    if not why:
        isolation.enter()
        if (pid := os.fork()) != 0:
            sock.close()
            os.waitpid(pid, 0)
            os._exit(0)
        namespaces.die_with_parent()
        flags = namespaces.MS_NOSUID | namespaces.MS_NODEV | namespaces.MS_NOEXEC
        with contextlib.suppress(OSError):  # without it only memory limits are lost
            namespaces.mount("proc", "/proc", "proc", flags)
    elif LINUX:
        namespaces.adopt_orphans()
    shim = Shim(sock, isolated=not why, owner=owner)
    shim._tell(event="ready", isolated=not why, why=why)  # noqa: SLF001 -- its own main
    shim.run()


if __name__ == "__main__":
    main()
