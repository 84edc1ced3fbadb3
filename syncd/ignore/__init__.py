"""What is none of syncd's business: rules in the order that people expect.

Of all rules that meet a path, the one of the last of these layers decides:

1. What is built in. `.git` stays out for good. Caches, environments and editors'
   temporaries stay out until a `!` rule of layer 3 or 4 lists them. What looks like a
   secret stays out until any `!` rule lists it. To list is to mean certain names, as
   `!.env` and `!*.pem` do and `!src/**` does not.
2. `.dockerignore` where the project has one; else `.gitignore`, nested, with those of
   the folders above up to the repository's root, and `.git/info/exclude`. What git is
   told outside of the repository does not count: two people with the same project
   should see the same files synced.
3. `.syncdignore`, in gitignore's syntax, nested as well.
4. The settings.

What is ignored is left alone in the containers too, also if it was synced before.

A folder that is ignored is not looked into, so nothing in it can be taken back, as in
git. The one exception is Docker's: a `!` line of `.dockerignore` reaches into folders
that another of its lines excludes, and only folders where it could meet something are
looked into.
"""

from syncd.ignore.ignore import Decision, Ignore
from syncd.ignore.repo import Repository
from syncd.ignore.sources import RULE_FILES


__all__ = ["RULE_FILES", "Decision", "Ignore", "Repository"]
