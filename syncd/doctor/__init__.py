"""Checks of what syncd stands on, each with its remedy."""

from syncd.doctor.doctor import examine
from syncd.doctor.finding import Finding, Verdict


__all__ = ["Finding", "Verdict", "examine"]
