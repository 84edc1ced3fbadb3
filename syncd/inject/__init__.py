"""The warm reloader, put before the program of an image that is not to be changed."""

from syncd.inject.inject import inject, restore


__all__ = ["inject", "restore"]
