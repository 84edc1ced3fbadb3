"""Containers without Python: `sh` and `tar`, one exec a batch. No I/O.

Each question is a command and what to write to its stdin; each answer is parsed from
its stdout, never from the exit status alone, which a cut stream can fake. The scripts
are constants, the `.sh` files beside this one: names travel on stdin or inside the
tar, never in a script. All say on their command line how many bytes will come, as v4
of the exec protocol cannot close stdin, and BusyBox's tar waits for that.
"""

from syncd.shell.batch import Batch, Landed, parse_ack
from syncd.shell.manifest import (
    hash_command,
    hash_input,
    list_command,
    list_input,
    parse_hashes,
    parse_list,
)
from syncd.shell.probe import (
    Probe,
    parse_probe,
    probe_command,
    run_command,
    signal_command,
)


__all__ = [
    "Batch",
    "Landed",
    "Probe",
    "hash_command",
    "hash_input",
    "list_command",
    "list_input",
    "parse_ack",
    "parse_hashes",
    "parse_list",
    "parse_probe",
    "probe_command",
    "run_command",
    "signal_command",
]
