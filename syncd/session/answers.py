"""Between the agent's messages and values. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from syncd import wire
from syncd.reload import broken
from syncd.session.link import Ack, Failure, Fate, Note, ReloadAnswer, RootState
from syncd.tree import Entry, Kind


UNREAD = "unread"  # the code of a path that could not be read here
ROOM = 8 << 20  # bytes of the paths in one message, half of what a frame may hold
_FATES = {
    "serving": Fate.SERVED,
    "running": Fate.SERVED,  # it never listened, and so nobody can tell more
    "failed": Fate.FAILED,
    "kept": Fate.KEPT,
}
SLOW_S = 0.1  # what took longer to make is sent, however little it is
PIECE = 512 * 1024  # bytes of frames in one message on the stream, about


def gathered(
    frames: Iterable[bytes], clock: Callable[[], float]
) -> Iterator[tuple[bytes, bool]]:
    """Yield `frames` in pieces that are worth a message, and whether more follow.

    A piece is worth one too if it took long, by `clock`.
    """
    buffer, begun_s = bytearray(), clock()
    for frame in frames:
        if len(buffer) >= PIECE or (buffer and clock() - begun_s > SLOW_S):
            yield bytes(buffer), True
            buffer.clear()
            begun_s = clock()
        buffer += frame
    yield bytes(buffer), False


def root_state(state: Mapping[str, object]) -> RootState:
    """Return what the agent said of a root."""
    return RootState(
        path=str(state["path"]),
        exists=bool(state["exists"]),
        is_dir=state["kind"] == Kind.DIR,
        writable=bool(state["writable"]),
    )


def chunks(paths: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield `paths` sorted, as many at a time as one message may name."""
    some: list[bytes] = []
    room = ROOM
    for path in sorted(paths):
        some.append(path)
        room -= 6 * len(path) + 4  # a byte may travel as \udcXX
        if room < 0:
            yield some
            some, room = [], ROOM
    if some:
        yield some


def entries(items: Sequence[Sequence[Any]]) -> Iterator[tuple[bytes, Entry]]:
    """Yield what the agent listed, but for sockets and the like."""
    for name, kind, mode, size, _mtime_ns, target in items:
        match kind:
            case "f":
                entry = Entry(Kind.FILE, int(mode), int(size))
            case "d":
                entry = Entry(Kind.DIR, int(mode) | 0o700)
            case "l":
                entry = Entry(Kind.LINK, target=wire.as_path(target))
            case _:
                continue  # a socket or the like: none of syncd's business
        yield wire.as_path(name), entry


def may_equal(theirs: Entry, ours: Entry | None) -> bool:
    """Return whether only the contents can tell the two apart."""
    return (
        theirs.kind is Kind.FILE
        and ours is not None
        and ours.kind is Kind.FILE
        and ours.size == theirs.size
    )


def unread(reasons: Mapping[bytes, str]) -> tuple[Failure, ...]:
    """Return what could not be read here as what has failed."""
    return tuple(
        Failure(path, UNREAD, f"cannot be read here: {reason}")
        for path, reason in reasons.items()
    )


def ack(answer: Mapping[str, Any]) -> Ack:
    """Return what the agent said of a batch that it applied."""
    return Ack(
        files=answer["files"],
        deleted=answer["deleted"],
        failures=tuple(
            Failure(wire.as_path(error["path"]), error["code"], error["error"])
            for error in answer.get("errors", ())
        ),
        notes=tuple(
            Note(wire.as_path(note["path"]), note["code"], note["reason"])
            for note in answer.get("notes", ())
        ),
        reloads=answer["reloader"],
        landed_at_s=answer["time_ns"] / 1e9,
    )


def reload_answer(message: Mapping[str, Any]) -> ReloadAnswer:
    """Return what the warm reloader said of a batch."""
    fate = _FATES.get(message["verdict"], Fate.UNKNOWN)
    steps = {name: float(ms) for name, ms in message.get("steps", {}).items()}
    if fate is not Fate.FAILED:
        return ReloadAnswer(message["id"], fate, steps)
    text, file, line = message["traceback"], message["file"], message["line"]
    return ReloadAnswer(message["id"], fate, steps, broken(text, file, line))
