"""What a container holds, asked before anything is sent."""

from collections.abc import Collection, Mapping

from syncd.errors import TargetError
from syncd.session.link import Hello, Link
from syncd.session.owed import Root
from syncd.session.report import Who
from syncd.tree import Entry, Kind, Tree, above


def check_roots(hello: Hello, who: Who) -> None:
    """Make sure that every sync root is a folder there.

    Raises:
        TargetError: If one is not.
    """
    for state in hello.roots:
        if state.exists and state.is_dir:
            continue
        what = "is not a folder" if state.exists else "does not exist"
        raise TargetError(
            f"{state.path} {what} in {who}",
            hint="correct `remote` in the sync entry, or make the folder in the"
            " image (or mount a volume there)",
        )


async def listing(link: Link, index: int, root: Root) -> dict[bytes, Entry]:
    """Return what the container holds in every folder that is here, or was."""
    found: dict[bytes, Entry] = {}
    listed: set[bytes] = set()
    wanted = {b"", *_folders_of(root.owned), *_folders(root.tree)}
    while wanted:
        # Copying a dict of bytes is one step for the interpreter, so a scan in
        # its worker thread cannot change the tree in the middle of it.
        local = dict(root.tree)
        found.update(_ours(await link.listing(index, wanted, local), local, root))
        listed |= wanted
        # A folder made here meanwhile may have been there all along, unseen; and what
        # was put there, and is gone here, may be a folder.
        ours = _folders(root.tree) | root.owned
        wanted = (ours & _folders(found)) - listed
    return found


def _folders_of(paths: Collection[bytes]) -> set[bytes]:
    """Return the folders above each of `paths`: they may be gone here."""
    return {folder for path in paths for folder in above(path)}


def _folders(tree: Tree) -> set[bytes]:
    return {path for path, entry in dict(tree).items() if entry.kind is Kind.DIR}


def _ours(
    listing: Mapping[bytes, Entry], local: Tree, root: Root
) -> dict[bytes, Entry]:
    """Return `listing` without what the rules say is none of syncd's business."""
    return {
        path: entry
        for path, entry in listing.items()
        if path in local or not root.ignored(path, entry.kind is Kind.DIR)
    }
