"""What a container holds, asked before anything is sent."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from syncd.errors import TargetError
from syncd.session.ledger import Ledger
from syncd.session.link import Hello, Link
from syncd.session.owed import Root
from syncd.session.report import Who
from syncd.tree import Entry, Kind, Tree, above


@dataclass(slots=True)
class Listing:
    """What a container holds of a root.

    Attributes:
        entries: All that is not ignored.
        holding: The folders that hold what is ignored, so that they cannot go.
        folders: Those that were listed.
    """

    entries: dict[bytes, Entry] = field(default_factory=dict)
    holding: set[bytes] = field(default_factory=set)
    folders: set[bytes] = field(default_factory=set)


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


async def compare(link: Link, index: int, root: Root, ledger: Ledger) -> set[bytes]:
    """Tell the ledger what the container holds; return the folders that were listed.

    These are all that are here, or were; of a replica all that are there.
    """
    found = Listing()
    wanted = {b"", *_folders_of(root.owned), *_folders(root.tree)}
    while wanted:
        # Copying a dict of bytes is one step for the interpreter, so a scan in
        # its worker thread cannot change the tree in the middle of it.
        await _list(link, index, root, wanted, dict(root.tree), found)
        # A folder made here meanwhile may have been there all along, unseen; and what
        # was put there, and is gone here, may be a folder.
        there, ours = _folders(found.entries), _folders(root.tree) | root.owned
        wanted = (there if root.whole else ours & there) - found.folders
    ledger.compare(found.entries, root.tree, found.holding)
    return found.folders


async def look_into(
    link: Link, index: int, root: Root, ledger: Ledger, listed: Collection[bytes]
) -> None:
    """Tell the ledger what is in folders that are about to go, but for those `listed`.

    A replica has all of them deleted with what is in them, and only here is it known
    what of that is ignored.
    """
    known = set(listed)
    while wanted := ledger.leaving(root.tree) - known:
        found = Listing()
        while wanted:
            await _list(link, index, root, wanted, {}, found)
            wanted = _folders(found.entries) - found.folders
        ledger.learn(found.entries, found.holding, found.folders)
        known |= found.folders


async def _list(
    link: Link,
    index: int,
    root: Root,
    folders: Collection[bytes],
    local: Tree,
    found: Listing,
) -> None:
    there = await link.listing(index, folders, local)
    ours = _ours(there, local, root)
    found.entries.update(ours)
    found.holding.update(_holders(there.keys() - ours.keys()))
    found.folders.update(folders)


def _holders(ignored: Iterable[bytes]) -> set[bytes]:
    """Return the folders above what is ignored, but for byte-code: that goes along."""
    return {
        folder
        for path in ignored
        if not path.endswith((b".pyc", b"/__pycache__"))
        for folder in above(path)
    }


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
