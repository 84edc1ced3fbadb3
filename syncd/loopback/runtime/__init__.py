"""The container runtime: processes with a root, a PID space and a user of their own."""
