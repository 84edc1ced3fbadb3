"""The ways to bring a save into the container, side by side."""

from syncd.bench.modes.attached import Attached
from syncd.bench.modes.by_command import ByCommand
from syncd.bench.modes.daemon import Daemon
from syncd.bench.modes.exec_tar import ExecTar
from syncd.bench.modes.kubectl import Kubectl
from syncd.bench.modes.local import Local, local_command
from syncd.bench.modes.mode import Account, Mode
from syncd.bench.modes.process import Ended
from syncd.bench.modes.rebuild import Rebuild
from syncd.bench.modes.syncd import Syncd


__all__ = [
    "Account",
    "Attached",
    "ByCommand",
    "Daemon",
    "Ended",
    "ExecTar",
    "Kubectl",
    "Local",
    "Mode",
    "Rebuild",
    "Syncd",
    "local_command",
]
