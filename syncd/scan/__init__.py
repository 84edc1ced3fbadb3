"""A sync root on the disk, looked at: the truth that watching only hints at.

A scan lists folders, compares the stat result of each file with that of the last look,
and hashes only what moved. Everything is opened relative to its folder's descriptor:
no path is too long, and no link is followed, not even one that was put in the place of
a folder a moment ago.
"""

from syncd.scan.scanner import Scanner


__all__ = ["Scanner"]
