"""One local folder: scanned, watched, and looked at again when something moved."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import anyio
from anyio import to_thread

from syncd import events
from syncd.ignore import Ignore
from syncd.scan import Scanner
from syncd.tree import Entry, Kind


_SECRETS_HINT = (
    "list one in `ignore` of the sync entry as !NAME to send it, or list it plainly"
    " to keep it here without this line"
)


@dataclass(frozen=True, slots=True)
class Edit:
    """What one look at the folder found changed.

    Attributes:
        paths: Relative to the folder.
        detected_at_s: Monotonic time of the first hint.
        settled_ms: From then until the writing went quiet.
        scanned_ms: From then until the difference was known.
    """

    paths: frozenset[bytes]
    detected_at_s: float
    settled_ms: float
    scanned_ms: float


class Folder:
    """The snapshot of one sync root, kept true.

    Args:
        path: The folder, absolute.
        ignore: Its rules.
        emit: Where events go.
    """

    def __init__(self, path: Path, ignore: Ignore, emit: events.Emit) -> None:
        self.path = path
        self._emit = emit
        self._ignore = ignore
        self._scanner = Scanner(path, self._ignore)
        self._again: set[bytes] = set()
        self._asked = anyio.Event()
        self._told: set[bytes] = set()
        self._withheld: tuple[bytes, ...] = ()

    @property
    def tree(self) -> dict[bytes, Entry]:
        """The current snapshot, changed in place."""
        return self._scanner.tree

    def ignored(self, path: bytes, is_dir: bool) -> bool:  # noqa: FBT001  # a port
        """Return whether `path` is none of syncd's business."""
        return self._ignore.ignored(path, is_dir=is_dir)

    def look_again(self, paths: Collection[bytes]) -> None:
        """Rescan `paths` soon, and report them changed whatever is found."""
        self._again.update(paths)
        self._asked.set()

    @classmethod
    async def open(
        cls, path: Path, patterns: tuple[str, ...], emit: events.Emit
    ) -> Self:
        """Read the rules of the folder `path` and take the first snapshot.

        Args:
            path: The folder, absolute.
            patterns: What the settings say of ignoring, in gitignore's syntax.
            emit: Where events go.

        Raises:
            ConfigError: If a file with ignore rules makes no sense.
            Halted: If the folder is not there.
        """
        started = anyio.current_time()
        load = partial(Ignore.load, path, patterns, origin="sync.ignore")
        folder = cls(path, await to_thread.run_sync(load), emit)
        await to_thread.run_sync(folder._scanner.scan)
        folder._say_scanned(started)
        folder._tell()
        return folder

    def _say_scanned(self, started: float) -> None:
        folders = sum(entry.kind is Kind.DIR for entry in self.tree.values())
        self._emit(
            events.FolderScanned(
                root=str(self.path),
                files=len(self.tree) - folders,
                folders=folders,
                took_ms=(anyio.current_time() - started) * 1000,
            )
        )

    def _tell(self) -> None:
        """Tell once of what cannot be sent, and of what is kept for its name."""
        for path, problem in self._scanner.problems.items():
            if path not in self._told:
                self._told.add(path)
                self._emit(
                    events.PathSkipped(
                        root=str(self.path), path=path, reason=problem.reason
                    )
                )
        if self._ignore.withheld != self._withheld:
            self._withheld = self._ignore.withheld
            self._emit(
                events.SecretsWithheld(
                    root=str(self.path), paths=self._withheld, hint=_SECRETS_HINT
                )
            )
