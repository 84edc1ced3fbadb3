"""The difference of two trees, as messages and a tar stream. No sockets."""

from syncd.delta.batch import Delta, Plan, plan
from syncd.delta.pack import Pack
from syncd.delta.tarball import Flavour, digest_of, header


__all__ = ["Delta", "Flavour", "Pack", "Plan", "digest_of", "header", "plan"]
