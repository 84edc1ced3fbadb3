"""The loops that make what is match what is wanted, each woken by writes alone."""
