"""What was asked of the agent, and the parts of its answers."""

from dataclasses import dataclass, field

import anyio

from syncd import wire
from syncd.errors import ProtocolError


@dataclass(slots=True)
class _Question:
    parts: list[wire.Message] = field(default_factory=list)
    answered: anyio.Event = field(default_factory=anyio.Event)


class Questions:
    """Those that are not answered yet, by the kind of their answer and their number."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], _Question] = {}

    def __bool__(self) -> bool:
        """Say whether an answer is owed."""
        return bool(self._open)

    def ask(self, reply: str, number: int) -> None:
        """Expect an answer, before it can come."""
        self._open[reply, number] = _Question()

    def take(self, message: wire.Message) -> None:
        """Take an answer in, or a part of one.

        Raises:
            ProtocolError: If nobody asked.
        """
        question = self._open.get((message["op"], message.get("id", 0)))
        if question is None:
            raise ProtocolError(
                f"the agent answered what nobody asked: {message['op']}"
            )
        question.parts.append(message)
        if message.get("end", True):
            question.answered.set()

    async def answer(self, reply: str, number: int) -> wire.Message:
        """Wait for the whole answer."""
        question = self._open[reply, number]
        await question.answered.wait()
        del self._open[reply, number]
        return wire.joined(question.parts)
