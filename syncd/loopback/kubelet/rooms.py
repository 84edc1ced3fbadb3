"""Where a container lives: its folders on the node, and how it comes to see them."""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncd.loopback.image import PROGRAMS, copy_tree, needed_folders
from syncd.loopback.kubelet.images import Pulled
from syncd.loopback.runtime.rootfs import Bind, Plan, Scratch


# What a container does not see of the host: its processes, and people's files. Folders
# in them that the interpreter needs are shown by themselves.
_HIDDEN = ("/proc", "/tmp", "/root", "/home")  # noqa: S108 -- a container has its own

# All that a program of a toolbox may need to be loaded.
_LIBRARIES = (
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/etc",
    "/dev",
    "/sys",
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume at a place in a container.

    Attributes:
        target: The place.
        source: The volume's folder, or `None` for memory of the container's own.
        read_only: Whether the container may only read.
        size: How much fits in memory, in bytes.
    """

    target: str
    source: Path | None = None
    read_only: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """The folders of one container; its files are new at every start.

    Attributes:
        folder: Holds the others.
        pulled: The image.
        mounts: What of the Pod's volumes it sees.
        isolated: Whether it has a root of its own, or is told where its files are.
        read_only: Whether its root refuses writes.
    """

    folder: Path
    pulled: Pulled
    mounts: Sequence[Mount] = ()
    isolated: bool = True
    read_only: bool = False

    @property
    def root(self) -> Path:
        """The folder that stands for `/`; has the image's files at its mount."""
        return self.folder / "root"

    @property
    def files(self) -> Path:
        """The image's files, as seen from outside."""
        return self.root / self.pulled.image.mount.lstrip("/")

    @property
    def tmp(self) -> Path:
        """The container's `/tmp`, as seen from outside."""
        return self.folder / "tmp"

    def furnish(self) -> Plan | None:
        """Make all folders anew, the files as in the image. Blocking.

        Returns:
            What the runtime is to build of them, or `None` where it cannot.
        """
        for old in (self.root, self.tmp, self.folder / "stage"):
            shutil.rmtree(old, ignore_errors=True)
        image = self.pulled.image
        self.files.parent.mkdir(parents=True)
        owner = image.user if image.owner is None else image.owner
        copy_tree(self.pulled.files, self.files, owner=owner)
        self.tmp.mkdir()
        self.tmp.chmod(0o1777)
        (self.folder / "stage").mkdir()
        for mount in self.mounts:
            self._make_point(mount)
        for folder in self._shown_folders():
            self._make_point(Mount(folder, Path(folder)))
        return self._plan() if self.isolated else None

    def _make_point(self, mount: Mount) -> None:
        """Make a mount point that is inside a folder of ours.

        Where nothing can be mounted, a link does: to the volume, at its place.
        """
        if not self.isolated:
            link = self.root / mount.target.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            if mount.source is None:
                link.mkdir(exist_ok=True)
            elif not link.exists():
                link.symlink_to(mount.source)
            return
        for place, folder in ((self._mount, self.files), ("/tmp", self.tmp)):  # noqa: S108 -- its own
            if mount.target.startswith(f"{place}/"):
                point = folder / mount.target[len(place) + 1 :]
                point.mkdir(parents=True, exist_ok=True)

    def _plan(self) -> Plan:
        binds = [self._own(self.tmp, "/tmp"), self._own(self.files, self._mount)]  # noqa: S108 -- its own
        binds += [
            Bind(source=f, target=f, read_only=True) for f in self._shown_folders()
        ]
        binds += self._tools()
        scratch = [Scratch(target="/dev/shm", size=0)]  # noqa: S108 -- its own
        for mount in self.mounts:
            if mount.source is None:
                scratch.append(Scratch(target=mount.target, size=mount.size))
            else:
                source = str(mount.source)
                bind = Bind(
                    source=source, target=mount.target, read_only=mount.read_only
                )
                binds.append(bind)
        return Plan(
            stage=str(self.folder / "stage"),
            host=self._host(),
            binds=binds,
            links=self._links(),
            scratch=scratch,
            read_only=self.read_only,
        )

    def _tools(self) -> list[Bind]:
        toolbox = self.pulled.toolbox
        if toolbox is None:
            return []
        name = "/busybox" if self.pulled.image.tools == "busybox" else ""
        return [Bind(source=f"{toolbox}{name}", target=f"/bin{name}", read_only=True)]

    def _links(self) -> dict[str, str]:
        if self.pulled.image.tools != "busybox":
            return {}
        return {f"/bin/{name}": "busybox" for name in PROGRAMS}

    def _own(self, source: Path, target: str) -> Bind:
        return Bind(source=str(source), target=target, read_only=self.read_only)

    @property
    def _mount(self) -> str:
        return self.pulled.image.mount

    def _host(self) -> list[str]:
        if self.pulled.toolbox is not None:
            return [path for path in _LIBRARIES if Path(path).exists()]
        everything = map(str, Path("/").iterdir())
        return sorted(path for path in everything if path not in _HIDDEN)

    def _shown_folders(self) -> list[str]:
        if not self.isolated or self.pulled.image.tools != "python":
            return []
        hidden = tuple(f"{path}/" for path in _HIDDEN)
        return [folder for folder in needed_folders() if folder.startswith(hidden)]

    def environment(self) -> dict[str, str]:
        """What the runtime tells the container's processes."""
        image = self.pulled.image
        given = {"PATH": image.path, "HOME": "/" if image.user else "/root"}
        given["LANG"] = "C.UTF-8"
        if os.geteuid() != 0:
            # The only user there is cannot give a file to another one.
            given["TAR_OPTIONS"] = "--no-same-owner"
        if not self.isolated:
            path = (
                image.path if self.pulled.toolbox is None else str(self.pulled.toolbox)
            )
            given |= {
                "PATH": path,
                "HOME": str(self.root),
                "TMPDIR": str(self.tmp),
                "SYNCD_ROOTFS": str(self.root),
                "SYNCD_RELOADER_SOCKET": f"{self.tmp}/reloader.sock",
            }
        return given

    def inside(self, words: Iterable[str]) -> list[str]:
        """Return arguments as the container is to see them.

        Without a root of its own, those that name its files are told where they are.
        """
        if self.isolated:
            return list(words)
        return [self._moved(word) for word in words]

    def _moved(self, word: str) -> str:
        mount = self.pulled.image.mount
        if word == mount or word.startswith(f"{mount}/"):
            return f"{self.root}{word}"
        return word

    def workdir(self, asked: str) -> str:
        """Where its processes start."""
        image = self.pulled.image
        wanted = asked or image.workdir or image.mount
        return wanted if self.isolated else f"{self.root}{wanted}"
