"""Trees that hypothesis makes, and puts on disk."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st


NAMES = (
    b"a",
    b"b.py",
    b"B.py",
    b"two words",
    b"new\nline",
    b"\xff\xfe",
    b"-rf",
    "é".encode(),
    b".hidden",
    b"long" * 40,
    b"back\\slash",
)


@dataclass(frozen=True)
class File:
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Folder:
    mode: int = 0o755


@dataclass(frozen=True)
class Link:
    target: bytes


Node = File | Folder | Link
Edit = tuple[tuple[bytes, ...], Node | None]
Model = dict[bytes, Node]

modes = st.sampled_from((0o600, 0o640, 0o644, 0o755, 0o444, 0o777))
contents = st.binary(max_size=40) | st.binary(min_size=600, max_size=700)
nodes = st.one_of(
    st.builds(File, contents, modes),
    st.builds(File, contents, modes),
    st.builds(Folder, st.sampled_from((0o700, 0o755, 0o777))),
    st.builds(Link, st.sampled_from((b"a", b"../x", b"/etc/passwd", b"t" * 200))),
)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple)
edits = st.lists(st.tuples(paths, st.none() | nodes | nodes), max_size=12)


def edited(model: Model, edits: Iterable[Edit]) -> Model:
    """Return `model` after `edits`: each puts a node at a path, or takes it away."""
    model = dict(model)
    for parts, node in edits:
        path = b"/".join(parts)
        if not isinstance(node, Folder) or not isinstance(model.get(path), Folder):
            for other in list(model):
                if other == path or other.startswith(path + b"/"):
                    del model[other]
        if node is not None:
            _make_way(model, parts)
            model[path] = node
    return model


def _make_way(model: Model, parts: tuple[bytes, ...]) -> None:
    for depth in range(1, len(parts)):
        folder = b"/".join(parts[:depth])
        if not isinstance(model.get(folder), Folder):
            model[folder] = Folder()


def grown(root: Path, model: Model) -> Path:
    """Put `model` on disk at `root`, in place of what is there, and return `root`."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for name in sorted(model):
        path = root / os.fsdecode(name)
        match model[name]:
            case File(content, mode):
                path.write_bytes(content)
                path.chmod(mode)
            case Folder(mode):
                path.mkdir()
                path.chmod(mode)
            case Link(target):
                path.symlink_to(os.fsdecode(target))
    return root
