"""File-sync hot reload for Kubernetes: save a file, and the running Pod serves it."""

from importlib.metadata import version


__version__ = version("syncd")
