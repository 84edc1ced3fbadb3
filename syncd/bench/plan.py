"""What is to be measured, as values."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        edit: A command that makes the edits; None replaces `marker` in `file`.
        file: What is edited, relative to the folder.
        marker: The text in it that is replaced.
        modes: Those that are built in, or NAME=COMMAND.
        pattern: One of `patterns.PATTERNS`.
        iterations: How many edits of each mode count.
        warmup: How many go before them.
        timeout_s: An edit that is not served by then has failed.
        url: Where the program answers; None for a way through the API server.
        local_command: How the program is run here, with `{port}`; () for the
            container's own command.
        attach: Whether mode syncd is the daemon that runs already, and edits the
            folder itself.
        restores: Whether the target is to be in step with its folder afterwards.
        command: The command line that says all this, for whoever reads the result.
    """

    edit: str | None = None
    file: Path = Path("main.py")
    marker: str = "hello from myapp"
    modes: tuple[str, ...] = ("syncd", "local")
    pattern: str = "save"
    iterations: int = 20
    warmup: int = 2
    timeout_s: float = 30.0
    url: str | None = None
    local_command: tuple[str, ...] = ()
    attach: bool = False
    restores: bool = True
    command: str = ""

    @property
    def edits(self) -> str:
        """What the edits are, in a word or so: those of two plans are alike if it is."""
        return self.pattern if self.edit is None else f"--edit {shlex.quote(self.edit)}"

    @property
    def numbers(self) -> range:
        """Those of the rounds, warm-up first."""
        return range(self.warmup + self.iterations)
