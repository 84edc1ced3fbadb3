"""What real servers wrote while they were edited, and what is made of it."""

from pathlib import Path

import pytest

from syncd.reload import Reader
from syncd.session.reloads import Reloads
from syncd.session.verdicts import Verdict
from syncd.session.waiting import Times


RECORDINGS = Path(__file__).parents[1] / "recordings" / "reloads"
EDITS = {"@@ edit": 1, "@@ broken": 2, "@@ mended": 3}
LINE_S, TICK_S, WAITED_S = 0.01, 0.1, 2.4


class Replay:
    """Reads a recording as an observer does, at about the pace that it was written."""

    def __init__(self) -> None:
        self.said: list[Verdict] = []
        self._reader = Reader()
        self._reloads = Reloads()
        self._now = 0.0

    def play(self, name: str) -> list[tuple[str, int]]:
        for line in (RECORDINGS / f"{name}.log").read_text().splitlines():
            if line in EDITS:
                self._edit(EDITS[line])
            elif line.startswith("@@ served"):
                self._wait()
            elif not line.startswith("@@"):
                self._read(line)
        self._wait()
        return [
            (type(verdict).__name__, batch)
            for verdict in self.said
            for batch in getattr(verdict, "batches", None) or [verdict.batch]  # type: ignore[union-attr]  # one or the other
        ]

    def _edit(self, batch: int) -> None:
        place = (0, b"app.py")
        self.said += self._reloads.applied(
            [batch], [place], Times(self._now, self._now)
        )

    def _read(self, line: str) -> None:
        self._now += LINE_S
        for sign in self._reader.feed(line):
            self.said += self._reloads.seen(sign, self._now)

    def _wait(self) -> None:
        for sign in self._reader.flush():
            self.said += self._reloads.seen(sign, self._now)
        until = self._now + WAITED_S
        while self._now < until:
            self.said += self._reloads.overdue(self._now)
            self._now += TICK_S


@pytest.mark.parametrize(
    "name",
    [
        "django",
        "django-buffered",
        "flask",
        "flask-nodebug",
        "gunicorn-sync",
        "uvicorn-chain",
        "uvicorn-group",
        "uvicorn-lifespan-off",
    ],
)
def test_each_edit_is_answered_by_what_became_of_it(name: str) -> None:
    assert Replay().play(name) == [("Reloaded", 1), ("Failed", 2), ("Reloaded", 3)]


@pytest.mark.parametrize("name", ["granian", "hypercorn"])
def test_a_server_that_ends_with_bad_code_is_seen_to_fail(name: str) -> None:
    assert Replay().play(name)[:2] == [("Reloaded", 1), ("Failed", 2)]


def test_a_server_that_is_told_to_say_little_is_not_seen_to_serve() -> None:
    assert Replay().play("uvicorn-warning") == [
        ("Unseen", 1),
        ("Failed", 2),
        ("Unseen", 3),
    ]


def test_gunicorn_does_not_reload_uvicorn_s_worker() -> None:
    said = Replay().play("gunicorn")

    assert ("Hangs", 1) in said
    assert "Reloaded" not in [kind for kind, _ in said]
