"""File-sync hot reload for Kubernetes: save a file, and the running Pod serves it."""

__version__ = "0.1.0"
