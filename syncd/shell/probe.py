"""Who and what is in the container, and what that means for the promises."""

from collections.abc import Sequence
from dataclasses import dataclass

from syncd.errors import ProtocolError
from syncd.shell.scripts import command


NEEDED = ("find", "head", "mkdir", "mv", "rm", "rmdir", "tar", "tr", "wc", "xargs")
MANIFEST = ("readlink", "sha256sum", "stat")


@dataclass(frozen=True, slots=True)
class RootFacts:
    """A sync root as the shell sees it.

    Attributes:
        kind: f(ile), d(irectory), o(ther), or "" if there is nothing.
    """

    kind: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """What a container without Python has.

    Attributes:
        container: Stands for this run of the container; "" if it cannot tell.
        time_s: The container's clock.
        tar: How its tar introduces itself.
        roots: In the order that they were asked for.
    """

    uid: int
    user: str
    container: str
    time_s: int
    tar: str
    tools: frozenset[str]
    roots: tuple[RootFacts, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The tools without which nothing can be synced."""
        return tuple(tool for tool in NEEDED if tool not in self.tools)

    @property
    def knows_contents(self) -> bool:
        """Whether the container can say what it holds."""
        return self.tools.issuperset(MANIFEST)

    @property
    def via(self) -> str:
        """What is at the far end, in a few words."""
        return f"sh + {self.tar}"

    @property
    def limits(self) -> tuple[str, ...]:
        """What is lost compared with the agent, a sentence each."""
        lost = (
            "each batch opens an exec of its own",
            "on a full disk a batch does not land at all",
            "times of files are now, but not always later than the time before",
            "read-only folders of the container's user are not opened up",
            "contents are not compared with their digests on arrival",
            "a command whose stream breaks goes on, and is run again",
            "odd names (newline, backslash) are written again at each connect",
        )
        if self.knows_contents:
            return lost
        absent = ", ".join(tool for tool in MANIFEST if tool not in self.tools)
        return (*lost, f"without {absent} everything is written again at each connect")


def probe_command(roots: Sequence[str], session: str = "") -> tuple[str, ...]:
    """Return the command that says who this is and what is here.

    It ends the batches of `session` that are still there: their streams are lost, but
    may still deliver what they held.
    """
    return command("probe", session, *roots)


def parse_probe(output: bytes) -> Probe:
    """Return what `probe_command` printed.

    Raises:
        ProtocolError: If it did not print all of it.
    """
    lines = output.decode("utf-8", "replace").splitlines()
    if not lines or lines[-1] != "end":
        raise ProtocolError(f"the shell's answer is cut short: {output[-80:]!r}")
    words = [line.partition(" ")[::2] for line in lines[:-1]]
    facts = dict(words)
    uid = facts.get("uid", "")
    return Probe(
        uid=int(uid) if uid.isdigit() else -1,
        user=facts.get("user") or uid,
        container=facts.get("container", ""),
        time_s=int(facts["time"]) if facts.get("time", "").isdigit() else 0,
        tar=facts.get("tar", ""),
        tools=frozenset(value for key, value in words if key == "tool"),
        roots=tuple(_root(value) for key, value in words if key == "root"),
    )


def _root(value: str) -> RootFacts:
    kind, _, writable = value.partition(" ")
    return RootFacts(kind.strip("-"), writable == "w")


def run_command(argv: Sequence[str], cwd: str, limit_s: int) -> tuple[str, ...]:
    """Return the command that runs `argv` in a folder; its exit code is the answer.

    It is killed a second after its time, where the container has a tool for that: until
    then, whoever waits can tell that it did not end.
    """
    return command("run", cwd, str(limit_s + 1), *argv)


def signal_command(match: str, signal: str) -> tuple[str, ...]:
    """Return the command that signals the processes whose command line has `match`.

    It prints what it did, and exits with 0 if it reached one.
    """
    return command("signal", signal.upper().removeprefix("SIG"), match)
