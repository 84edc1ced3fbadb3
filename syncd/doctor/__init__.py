"""Checks of what syncd stands on, each with its remedy; and a first settings file."""

from syncd.doctor.doctor import examine
from syncd.doctor.finding import Finding, Verdict
from syncd.doctor.first import Draft, propose


__all__ = ["Draft", "Finding", "Verdict", "examine", "propose"]
