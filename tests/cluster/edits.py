"""What people and their tools do to a folder, drawn at random from a seed.

Files whose names end in `.py` are only ever replaced whole, and each says of itself
whether it is: `READER` looks, in the container, whether one is seen that is not.
"""

import hashlib
import logging
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path


MOST = 150  # from so many entries on, what is deleted outweighs what is made
DEEPEST = 4

STEMS = (
    "main",
    "views",
    "two words",
    "new\nline",
    os.fsdecode(b"\xff\xfe"),
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "-rf",
    ".hidden",
    "Case",
    "case",
    "quo'te\"d",
    "back\\slash",
    "*?[x]",
    "long" * 50,
)
MODES = (0o600, 0o640, 0o644, 0o755, 0o444)
TARGETS = ("main.py", "../main.py", "nowhere", "/etc/passwd", ".", "t" * 200)

# Looks at every module in the folders that it is given, for ever.
READER = r"""
import hashlib, os, signal, sys, time

def torn(path):
    try:
        with open(path, "rb") as file:
            head, _, rest = file.read().partition(b"\n")
    except OSError:
        return False
    return head != hashlib.sha256(rest).hexdigest().encode()

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    looks = 0
    for root in sys.argv[1:]:
        for folder, _, names in os.walk(root.encode()):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(b".py") and not os.path.islink(path):
                    looks += 1
                    if torn(path):
                        print("TORN", path, flush=True)
    print("LOOKED", looks, flush=True)
    time.sleep(0.02)
"""


def any_seed() -> int:
    """Return a seed, and say which, so that a failure can be had again."""
    seed = int(
        os.environ.get("SYNCD_TEST_SEED") or random.SystemRandom().getrandbits(32)
    )
    logging.getLogger(__name__).warning("SYNCD_TEST_SEED=%d", seed)
    return seed


def whole(content: bytes) -> bytes:
    """Return a module that says of itself whether it is complete."""
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def save(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file as editors do: aside, then in place at once."""
    aside = path.with_name(".aside.tmp")
    aside.write_bytes(data)
    aside.chmod(mode)
    aside.replace(path)


def remove(path: Path) -> None:
    """Delete whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


class Editor:
    """Edits one folder, the same way for the same seed."""

    def __init__(self, root: Path, seed: object) -> None:
        self.root = root
        self._draw = random.Random(repr(seed))
        self._kinds: dict[Callable[[], None], int] = {
            self._save: 8,
            self._append: 2,
            self._make_folder: 2,
            self._link: 2,
            self._chmod: 2,
            self._rename: 3,
            self._move: 2,
            self._delete: 2,
            self._swap: 2,
        }

    def edit(self, times: int = 1) -> None:
        """Do so many random things."""
        kinds, weights = zip(*self._kinds.items(), strict=True)
        for kind in self._draw.choices(kinds, weights, k=times):
            kind()
            while len(self._entries()) > MOST:
                self._delete()

    # --- what is done ---------------------------------------------------------

    def _save(self) -> None:
        files = [path for path in self._files() if path.suffix == ".py"]
        again = files and self._draw.random() < 0.6
        path = self._draw.choice(files) if again else self._free(".py")
        save(path, self._module(), self._draw.choice(MODES))

    def _append(self) -> None:
        files = [path for path in self._files() if path.suffix == ".txt"]
        path = self._draw.choice([*files, self._free(".txt")])
        with path.open("ab") as file:
            file.write(self._draw.randbytes(self._draw.randrange(2000)))

    def _make_folder(self) -> None:
        self._free().mkdir()

    def _link(self) -> None:
        self._free(".link").symlink_to(self._draw.choice(TARGETS))

    def _chmod(self) -> None:
        for path in self._one_of(self._files()):
            path.chmod(self._draw.choice(MODES))
        for path in self._one_of(self._folders()):
            path.chmod(self._draw.choice((0o700, 0o755, 0o770)))

    def _rename(self) -> None:
        for path in self._one_of(self._files()):
            path.replace(self._free(path.suffix))

    def _move(self) -> None:
        for path in self._one_of(self._folders()):
            goal = self._free()
            if not goal.is_relative_to(path):
                path.rename(goal)

    def _delete(self) -> None:
        for path in self._one_of(self._entries()):
            remove(path)

    def _swap(self) -> None:
        """Put another kind of thing in place of something."""
        for path in self._one_of(self._entries()):
            was_folder = path in self._folders()
            remove(path)
            if not was_folder:
                path.mkdir()
                save(path / "inside.py", self._module())
            elif path.suffix == ".py" or self._draw.random() < 0.5:
                save(path, self._module())
            else:
                path.symlink_to(self._draw.choice(TARGETS))

    # --- what there is --------------------------------------------------------

    def _entries(self) -> list[Path]:
        """Return every path, in an order that depends on nothing else."""
        return sorted(self.root.rglob("*"))

    def _folders(self) -> list[Path]:
        return [p for p in self._entries() if p.is_dir() and not p.is_symlink()]

    def _files(self) -> list[Path]:
        return [p for p in self._entries() if p.is_file() and not p.is_symlink()]

    def _one_of(self, paths: list[Path]) -> list[Path]:
        return self._draw.sample(paths, k=min(1, len(paths)))

    def _free(self, suffix: str = "") -> Path:
        """Return a path where nothing is."""
        shallow = [
            folder
            for folder in (self.root, *self._folders())
            if len(folder.relative_to(self.root).parts) < DEEPEST
        ]
        while True:
            folder, stem = self._draw.choice(shallow), self._draw.choice(STEMS)
            path = folder / (stem + suffix)
            if not os.path.lexists(path):
                return path
            suffix = str(self._draw.randrange(10)) + suffix

    def _module(self) -> bytes:
        size = self._draw.choice((0, 40, 40, 5000, 300_000))
        return whole(self._draw.randbytes(size))
