"""What did not arrive as it was is not put in place."""

from pathlib import Path

from syncd.delta import Delta, Pack
from syncd.tree import diff
from syncd.wire import Decoder, encode, encode_data
from tests.agent_driver import (
    AgentProcess,
    changes_between,
    codes,
    present,
    tree_at,
    written,
)


def test_a_torn_file_is_not_put_in_place(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    (local / "big").write_bytes(b"x" * 700_000)
    written(local, a="new")
    written(remote, a="old")
    (remote / "big").write_text("old")
    changes = changes_between(remote, local)
    delta = Delta(local, changes)
    frames = delta.frames(1, 0)
    stream = next(frames) + next(frames)
    (local / "big").write_bytes(b"y")
    agent.send(stream + b"".join(frames))
    applied = agent.answer()

    delta.confirm(applied)
    assert list(delta.pack.void) == [b"big"]
    assert applied["files"] == 1
    assert (remote / "big").read_text() == "old"
    assert (remote / "a.py").read_text() == "new"
    assert len(list(remote.iterdir())) == 2


def test_content_that_is_not_what_its_digest_says_is_not_put_in_place(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="good", b="good")
    written(remote, a="old")
    delta = Delta(local, changes_between(remote, local))
    stream = b"".join(delta.frames(1, 0))

    agent.send(stream.replace(b"good", b"evil", 1))
    applied = agent.answer()

    delta.confirm(applied)
    assert codes(applied) == {"a.py": "corrupt"}
    assert (remote / "a.py").read_text() == "old"
    assert (remote / "b.py").read_text() == "good"


def test_what_a_file_should_replace_stays_if_the_file_does_not_arrive(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    (local / "a").write_text("good")
    written(remote, a__precious="x")
    apply, *rest = Delta(local, present(local, "a")).frames(1, 0)
    (message,) = Decoder().feed(apply)
    assert isinstance(message, dict)
    message["deletes"] = [{"path": "a", "recursive": True}]

    agent.send(encode(message) + b"".join(rest).replace(b"good", b"evil"))
    applied = agent.answer()

    assert codes(applied) == {"a": "corrupt"}
    assert (remote / "a/precious.py").read_text() == "x"


def test_a_stream_that_lacks_a_file_is_not_put_in_place(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x", b="y")
    whole = list(Delta(local, diff({}, tree_at(local))).frames(1, 0))
    half = Pack(local, present(local, "a.py"))
    agent.send(whole[0] + b"".join(map(encode_data, half)) + whole[-1])

    assert agent.receive()["op"] == "fatal"
    assert list(remote.iterdir()) == []
