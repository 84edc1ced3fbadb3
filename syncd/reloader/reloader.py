"""Run a Python server so that an edit is served in milliseconds, without a gap.

    python3 reloader.py [options] -- uvicorn main:app --host 0.0.0.0 --port 8080

Restarting an interpreter to try one changed line spends nearly all of its time on
importing what did not change. Here the third-party modules stay loaded in a *warm
process*, and each edit is a fork of it. One file, the standard library, Linux, 3.8+.

    supervisor ──starts──▶ warm process ──forks──▶ generation 1, 2, 3 …
        │ holds the listening sockets, decides, passes signals on     │
        └───────────────── a channel to each ◀────────────────────────┘

*The supervisor* imports nothing foreign and runs none of the program's code, so that
nothing of the program can hang or crash it. It may be PID 1: it reaps what it inherits,
passes signals on, and ends as the command would have ended.

*The warm process* is a fresh interpreter, the one that the command asks for. What it
loads is learned: a generation that serves reports which modules it ended with, and a
*candidate* loads those that are third-party code. The developer's code never is. Each
import is witnessed. One that leaves a thread, an open file or a signal handler behind,
that reads an environment variable which the program sets, or that cannot be made
without the program, is left cold, with all that imports it; the candidate, which now
holds what no generation may inherit, is thrown away, and the next starts without them.
Only a candidate that was clean to the end is forked from. After each fork it compares
its files with the disk, since changed third-party code needs a new process.

*A generation* runs the command as Python would have run it: the same argv, `sys.path`,
folder, environment, `__main__`, signals and exit code. Servers are met at the seams
that they have, an event loop's `create_server` or `serve_forever`, so that
  1. to bind an address that an earlier generation has bound takes over its socket;
  2. when only accepting is left to do, it says `ready` and waits for `go`. Meanwhile
     the generation before it is told to `drain`: it stops accepting, says `stopped`,
     answers what it was asked, and ends. Connections that come between wait in the
     kernel: none is refused, and none gets an old answer after another got a new one;
  3. a connection at rest in uvicorn (kept alive, or just accepted) is passed to the
     next generation as a descriptor, so that its client sees nothing at all.
One that fails before it is ready changes nothing: the one before it serves on.

Rejected: re-executing the supervisor in place (an import that hangs would hang PID 1);
`importlib.reload` (old state under new code is not what a cold start gives);
SO_REUSEPORT (who closes its listener drops the connections in its queue); a thread that
waits for the order to drain (the program would see it, and could not fork any more).
"""

# ruff: noqa: ANN401, PLC0415, PTH100 - argparse's values, for the supervisor alone
from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sys

from syncd.reloader.channel import Channel, say
from syncd.reloader.control import SOCKET_ENV, Control, connect, socket_paths
from syncd.reloader.ends import exit_code
from syncd.reloader.generation import Generation
from syncd.reloader.program import Unchanged, is_isolated, resolve
from syncd.reloader.reactor import Reactor
from syncd.reloader.seams import SEAMS
from syncd.reloader.supervisor import Supervisor
from syncd.reloader.warm import Warm


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


MANY = {"action": "append", "default": []}
OPTIONS: dict[str, dict[str, Any]] = {
    "--root": {
        **MANY,
        "dest": "roots",
        "metavar": "DIR",
        "help": "a folder of the developer's code, beside the working folder",
    },
    "--warm": {
        **MANY,
        "metavar": "MODULE",
        "help": "load MODULE ahead before a generation was seen to use it",
    },
    "--cold": {
        **MANY,
        "metavar": "MODULE",
        "help": "never load MODULE ahead, nor what imports it",
    },
    "--drain-s": {
        "type": float,
        "default": 2.0,
        "metavar": "S",
        "help": "how long what a replaced generation was asked may take (2)",
    },
    "--load-s": {
        "type": float,
        "default": 30.0,
        "metavar": "S",
        "help": "how long a module may take to be loaded ahead (30)",
    },
    "--socket": {
        "default": "",
        "metavar": "PATH",
        "help": f"the control socket (${SOCKET_ENV}, or one in /tmp)",
    },
    "--no-watch": {
        "action": "store_false",
        "dest": "watch",
        "help": "reload only when the control socket says so",
    },
    "--stay": {
        "action": "store_true",
        "help": "if a start fails and nothing serves, wait for an edit rather than end",
    },
    "--quiet": {"action": "store_true", "help": "say only what somebody must know"},
    "--explain": {
        "action": "store_true",
        "help": "tell what is warm in a reloader that runs, and why the rest is not",
    },
}


def parse(argv: list[str]) -> Any:
    """Return the options of the command line."""
    import argparse

    parser = argparse.ArgumentParser(
        usage="reloader.py [options] -- command …",
        description="Run a Python server, and serve its edits in an instant.",
    )
    for flag, options in OPTIONS.items():
        parser.add_argument(flag, **options)
    parser.add_argument("command", nargs="*", help="what to run")
    found = parser.parse_args(argv)
    if not found.command and not found.explain:
        parser.error("no command: reloader.py -- uvicorn main:app")
    found.roots = [os.path.abspath(root) for root in found.roots]
    return found


def explain(path: str) -> str:
    """Ask a reloader that runs what is warm in it; "" if there is none."""
    for place in [path] if path else socket_paths():
        sock = connect(place)
        if sock is not None:
            with sock, sock.makefile("rw") as file:
                file.write('{"op": "explain"}\n')
                file.flush()
                return render(json.loads(file.readline()))
    return ""


def render(facts: dict[str, Any]) -> str:
    """Return what `--explain` prints."""
    own = getattr(sys, "stdlib_module_names", ())
    count: dict[str, int] = {}
    for name in facts["warm"]:
        top = name.partition(".")[0]
        top = "the standard library" if top in own else top
        count[top] = count.get(top, 0) + 1
    tops = [f"{top} ({n})" for top, n in sorted(count.items())]
    lines = [f"warm, loaded once: {', '.join(tops) or 'nothing'}"]
    lines += ["cold, loaded by each generation:"]
    lines += [f"  {name}: {why}" for name, why in sorted(facts["cold"].items())]
    return "\n".join([*lines, "  and the developer's code"])


def supervise(options: Any) -> tuple[int, bool]:
    """Run the command until it ends.

    Returns:
        Its wait status, and whether that is the signal which asked it to end.

    Raises:
        Unchanged: If the command is better run as it is.
    """
    reactor = Reactor()
    supervisor = Supervisor(options, resolve(options.command), reactor)
    control = Control(supervisor, reactor)
    try:
        status = supervisor.run()
    finally:
        control.close()
        supervisor.end()
    asked = os.WIFSIGNALED(status) and os.WTERMSIG(status) == supervisor.stopping
    return status, asked


def end(status: int, *, asked: bool) -> None:
    """End as the command ended."""
    if os.WIFSIGNALED(status) and os.getpid() != 1:
        with contextlib.suppress(OSError):  # SIGKILL has no other
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    # No signal ends PID 1 unless it wants to. A server that is asked to end by one, and
    # raises it again when it is done, goes on from there, and ends well.
    sys.exit(0 if asked else exit_code(status))


def run_unchanged(command: list[str], reason: str) -> NoReturn:
    """Become the command, or end as a shell that cannot run it."""
    if shutil.which(command[0]):
        say(f"not taken over: {reason}. It runs unchanged.")
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is meant
    except OSError as error:
        say(f"{command[0]}: {error.strerror}")
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def be_warm(fd: int) -> None:
    """Be the warm process; and in its children, be a generation."""
    os.set_inheritable(fd, False)  # noqa: FBT003 - its signature
    if not is_isolated():
        del sys.path[0]
    warm = Warm(Channel(socket.socket(fileno=fd)))
    Generation(warm, warm.serve()).run(SEAMS)


def open_standard_streams() -> None:
    """Have something open as 0, 1 and 2, or a socket would be taken for one of them."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - its signature


def main(argv: list[str]) -> None:
    """Do what the command line says."""
    if argv[:1] == ["--warm"] and len(argv) > 1 and all(map(str.isdigit, argv[1:])):
        be_warm(int(argv[1]))
        return
    open_standard_streams()
    options = parse(argv)
    if options.explain:
        text = explain(options.socket)
        sys.stdout.write(f"{text or 'no reloader runs here'}\n")
        sys.exit(0 if text else 1)
    try:
        status, asked = supervise(options)
    except Unchanged as reason:
        run_unchanged(options.command, str(reason))
    end(status, asked=asked)
