"""What moved in the sync roots, told once the writing has gone quiet.

What is told are hints, and the disk is the truth: a hint says where to look again, not
what happened there. Nothing is ever kept from the reader: where the system lost events,
or a rule file changed, the hint is to look everywhere.

On Linux this reads inotify itself; `docs/decisions/0002-own-inotify.md` says why.
"""

from syncd.watch.root import Watched
from syncd.watch.settle import Hints, Quiet, Settler
from syncd.watch.watching import watch


__all__ = ["Hints", "Quiet", "Settler", "Watched", "watch"]
