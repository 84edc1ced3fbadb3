"""One local folder: scanned, watched, and looked at again when something moved."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import anyio
from anyio import to_thread

from syncd import events
from syncd.errors import Halted
from syncd.ignore import Ignore
from syncd.scan import Scanner
from syncd.tree import Entry, Kind, Problem


_SETTLE_S = 0.05  # what was written while it was read is given this long
_LONGEST_S = 1.0  # and what is written all the time, up to this long
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
    """The snapshot of one sync root, and the looking at it.

    Args:
        path: The folder, absolute.
        ignore: Its rules.
        emit: Where events go.
    """

    def __init__(self, path: Path, ignore: Ignore, emit: events.Emit) -> None:
        self.path = path
        self.ignore = ignore
        self._emit = emit
        self._scanner = Scanner(path, ignore)
        self._looking = anyio.Lock()
        self._doubted: set[bytes] = set()
        self._unresolved: set[bytes] = set()
        self._doubt = anyio.Event()
        self._doubted_last: frozenset[bytes] = frozenset()
        self._settle_s = _SETTLE_S
        self._problems: dict[bytes, Problem] = {}
        self._withheld: tuple[bytes, ...] = ()
        self._halted = ""

    @classmethod
    async def open(
        cls,
        path: Path,
        patterns: tuple[str, ...],
        emit: events.Emit,
        *,
        project: Path | None = None,
    ) -> Self:
        """Read the rules of the folder `path` and take the first snapshot.

        Args:
            path: The folder, absolute.
            patterns: What the settings say of ignoring, in gitignore's syntax.
            emit: Where events go.
            project: Up to where rules count, where that is no git repository.

        Raises:
            ConfigError: If a file with ignore rules makes no sense.
            Halted: If the folder is not there.
        """
        started = anyio.current_time()
        ignore = await to_thread.run_sync(ignore_of, path, patterns, project)
        folder = cls(path, ignore, emit)
        await to_thread.run_sync(folder._scanner.scan)
        folder._say_scanned(started)
        folder._tell()
        return folder

    @property
    def tree(self) -> dict[bytes, Entry]:
        """The current snapshot, changed in place."""
        return self._scanner.tree

    def content(self, entry: Entry) -> bytes | None:
        """Return what a file holds if the last look has read it, and it is small."""
        return self._scanner.contents.get(entry.digest)

    def ignored(self, path: bytes, is_dir: bool) -> bool:  # noqa: FBT001  # a port
        """Return whether `path` is none of syncd's business."""
        return self.ignore.ignored(path, is_dir=is_dir)

    async def look(self, paths: frozenset[bytes] | None) -> frozenset[bytes]:
        """Look at `paths`, or at everything, and return what changed.

        Of a folder that is not what it was, nothing is believed.
        """
        async with self._looking:
            try:
                if paths is None:
                    changed = await to_thread.run_sync(self._scanner.scan)
                else:
                    changed = await to_thread.run_sync(self._scanner.rescan, paths)
            except Halted as error:
                self._say_halted(error)
                return frozenset()
        self._halted = ""
        self._tell()
        return changed

    def check(self) -> None:
        """Make sure that the last look was believed.

        Raises:
            Halted: If it was not.
        """
        if self._halted:
            raise Halted(self._halted)

    @property
    def certain(self) -> bool:
        """Whether nothing is left that changed while it was read."""
        return not self._unresolved

    def look_again(self, paths: Collection[bytes]) -> None:
        """Have `doubted` return `paths`: they changed while they were read."""
        self._doubted.update(paths)
        self._unresolved.update(paths)
        self._doubt.set()

    async def doubted(self) -> frozenset[bytes]:
        """Wait for paths that must be looked at again, and let them settle."""
        await self._doubt.wait()
        again = not self._doubted_last.isdisjoint(self._doubted)
        self._settle_s = min(2 * self._settle_s, _LONGEST_S) if again else _SETTLE_S
        await anyio.sleep(self._settle_s)
        self._doubt = anyio.Event()
        paths, self._doubted = frozenset(self._doubted), set()
        self._doubted_last = paths
        return paths

    def resolve(self, paths: Collection[bytes]) -> None:
        """Take that `paths` were looked at again, and told to whoever sends them."""
        self._unresolved.difference_update(set(paths) - self._doubted)

    def _say_halted(self, error: Halted) -> None:
        """Tell once why nothing is believed; that it is gone, the watch has told."""
        if self.path.is_dir() and str(error) != self._halted:
            self._halted = str(error)
            self._emit(events.Failed(message=str(error), hint=error.hint))

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
        problems = self._scanner.problems
        for path, problem in problems.items():
            if self._problems.get(path) != problem:
                self._emit(
                    events.PathSkipped(
                        root=str(self.path), path=path, reason=problem.reason
                    )
                )
        self._problems = dict(problems)
        withheld = self.ignore.withheld
        if set(withheld) - set(self._withheld):
            self._emit(
                events.SecretsWithheld(
                    root=str(self.path), paths=withheld, hint=_SECRETS_HINT
                )
            )
        self._withheld = withheld


def ignore_of(
    path: Path,
    patterns: tuple[str, ...],
    project: Path | None,
    *,
    origin: str = "sync.ignore",
) -> Ignore:
    """Return the rules of the folder `path`.

    Args:
        path: The folder, absolute.
        patterns: What the settings say of ignoring, in gitignore's syntax.
        project: Up to where rules count, where that is no git repository.
        origin: What a decision calls the place of `patterns`.

    Raises:
        ConfigError: If a file with ignore rules makes no sense.
    """
    load = partial(Ignore.load, path, patterns, origin=origin)
    ignore = load()
    if ignore.repository is None and project and path.is_relative_to(project):
        # No repository says how far up rules count, so the project does.
        return load(project=project)
    return ignore
