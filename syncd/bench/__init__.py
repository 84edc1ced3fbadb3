"""From a save to the new answer, measured: by syncd, and by others beside it."""
