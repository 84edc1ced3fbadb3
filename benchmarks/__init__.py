"""What syncd promises in figures, measured on a real cluster."""
