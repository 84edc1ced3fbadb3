"""Names of images. Pure."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name, in its parts.

    Attributes:
        host: The registry's address, or "" for the default one.
        path: The repository in it.
        tag: Or "".
        digest: Or "".
    """

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the parts of an image's name, as Docker and Kubernetes read it."""
        name, _, digest = written.partition("@")
        host, slash, path = name.partition("/")
        if not slash or not (set(host) & set(".:") or host == "localhost"):
            host, path = "", name
        path, _, tag = path.partition(":")
        return cls(host, path, tag, digest)

    @property
    def repository(self) -> str:
        """The name without tag and digest."""
        return f"{self.host}/{self.path}" if self.host else self.path

    @property
    def is_latest(self) -> bool:
        """Whether the name moves from image to image by design."""
        return not self.digest and self.tag in {"", "latest"}


def is_this_machine(host: str) -> bool:
    """Tell whether a registry's address leads to this machine, so TLS is not expected."""
    name = host.rpartition(":")[0] or host
    return (
        name == "localhost"
        or name.endswith(".localhost")
        or name.startswith("127.")
        or name == "[::1]"
    )
