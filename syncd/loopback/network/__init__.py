"""The network in front of the server, with all that can be wrong with it."""
