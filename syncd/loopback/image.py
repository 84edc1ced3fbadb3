"""What the embedded cluster calls an image: a folder and a command.

An image is copied once, when a node first needs it, as pulling does; a container's
files are copied from that at every start. What a developer does to the folder later
changes neither.
"""

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from syncd.errors import ConfigError


Tools = Literal["python", "sh", "busybox", "none"]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A small distribution: what an image has that has a shell but no Python.
PROGRAMS = [
    "[",
    "awk",
    "basename",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "du",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "grep",
    "gzip",
    "head",
    "hostname",
    "id",
    "kill",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "od",
    "printf",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "stty",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "uniq",
    "wc",
    "which",
    "whoami",
    "xargs",
]


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the embedded cluster.

    Attributes:
        name: The reference that a Pod names, such as `myapp:dev`.
        files: The folder with its files; `None` for an empty one.
        mount: Where the files are in the container.
        workdir: Where its processes start; `mount` if empty.
        entrypoint: What `command` of a Pod replaces.
        command: What `args` of a Pod replace.
        env: The environment that it brings.
        user: Who its processes run as.
        group: Their group.
        owner: Whose the files are; `None` for the user's.
        tools: What there is beside the files. `python`: this interpreter and its
            packages, and the host's programs. `sh`: a shell, tar and the like of the
            host, no Python. `busybox`: BusyBox alone. `none`: one program that waits,
            `pause`, and neither shell nor tar.
    """

    name: str
    files: Path | None = None
    mount: str = "/app"
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: int = 0
    group: int = 0
    owner: int | None = None
    tools: Tools = "python"

    def __post_init__(self) -> None:
        mount = os.path.normpath(self.mount)
        prefixes = (sys.prefix, sys.base_prefix)
        hidden = [p for p in prefixes if f"{p}/".startswith(f"{mount}/")]
        if mount != self.mount or not mount.startswith("/") or mount == "/":
            raise ConfigError(f"image {self.name}: mount must be an absolute path")
        if hidden and self.tools == "python":
            raise ConfigError(
                f"image {self.name}: files at {mount} would hide {hidden[0]}",
                hint="Choose another mount: that folder has the Python it runs with.",
            )

    @property
    def path(self) -> str:
        """The `PATH` of its processes, where they have a root of their own."""
        if self.tools == "python":
            return f"{sys.prefix}/bin:{SYSTEM_PATH}"
        return SYSTEM_PATH


def described(image: Image) -> dict[str, Any]:
    """Return an image as JSON has it."""
    found = asdict(image)
    return {**found, "files": str(image.files) if image.files else None}


def image_of(said: dict[str, Any], name: str) -> Image:
    """Return the image that JSON describes, under another name."""
    files = said.get("files")
    return Image(
        name=name,
        files=Path(files) if files else None,
        mount=said["mount"],
        workdir=said["workdir"],
        entrypoint=tuple(said["entrypoint"]),
        command=tuple(said["command"]),
        env=dict(said["env"]),
        user=said["user"],
        group=said["group"],
        owner=said["owner"],
        tools=said["tools"],
    )


def needed_folders() -> list[str]:
    """The folders without which this interpreter does not run. Blocking."""
    interpreter = Path(sys.executable)
    found = {sys.prefix, sys.base_prefix, str(interpreter.resolve().parents[1])}
    return sorted(folder for folder in found if folder not in ("/", "/usr"))


def pull(image: Image, folder: Path) -> str:
    """Copy the image's files to `folder`, which must not exist; return their digest.

    Blocking.

    Raises:
        OSError: If the files cannot be read.
    """
    copy_tree(image.files, folder)
    digest = hashlib.sha256(repr((image.name, image.command)).encode())
    for path in sorted(folder.rglob("*")):
        information = path.lstat()
        digest.update(os.fsencode(path.relative_to(folder)))
        digest.update(information.st_mode.to_bytes(4, "big"))
        if stat.S_ISREG(information.st_mode):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        elif stat.S_ISLNK(information.st_mode):
            digest.update(os.fsencode(path.readlink()))
    return f"sha256:{digest.hexdigest()}"


def copy_tree(source: Path | None, target: Path, *, owner: int = 0) -> None:
    """Copy a folder, links as links; make an empty one for no `source`. Blocking."""
    if source is None:
        target.mkdir(parents=True)
    else:
        shutil.copytree(source, target, symlinks=True)
    if owner and os.geteuid() == 0:
        for path in (target, *target.rglob("*")):
            os.chown(path, owner, 0, follow_symlinks=False)


def make_toolbox(tools: Tools, folder: Path, *, copies: bool) -> Path | None:
    """Make the folder of programs that an image of these `tools` has, if not there.

    Args:
        tools: Of the image.
        folder: Where toolboxes are kept.
        copies: Whether the programs must be there themselves, because the host's
            will not be seen, or links to them do.

    Returns:
        The folder, or `None` for images that see all of the host's programs. A copy of
        BusyBox lacks its other names; its containers make them.

    Raises:
        ConfigError: If this machine lacks what it is made of.
    """
    if tools == "python":
        return None
    toolbox = folder / tools
    if toolbox.exists():
        return toolbox
    draft = folder / f".{tools}"
    draft.mkdir(parents=True)
    place = _copy if copies else _link
    if tools == "sh":
        for name in PROGRAMS:
            if found := shutil.which(name, path=SYSTEM_PATH):
                place(found, draft / name)
    elif tools == "busybox":
        place(_program("busybox"), draft / "busybox")
        for name in () if copies else PROGRAMS:
            (draft / name).symlink_to("busybox")
    else:
        place(_program("sleep"), draft / "pause")
    return draft.rename(toolbox)


def _program(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise ConfigError(
            f"no {name} on this machine",
            hint=f"Install {name}, or use an image with other tools.",
        )
    return found


def _copy(program: str, place: Path) -> None:
    shutil.copy2(program, place)


def _link(program: str, place: Path) -> None:
    place.symlink_to(program)
