"""All Kubernetes: a cluster that is meant, its Pods, and a way into their containers.

`connect` finds a cluster and refuses it unless it is meant. `follow` tells which
containers a target has, as they come and go. `open_exec` runs a program in one. The
first request imports the HTTP client; importing this package costs next to nothing.
"""

from syncd.cluster.api import Api
from syncd.cluster.channel import Exit, Output
from syncd.cluster.connect import connect
from syncd.cluster.exec import ExecStream, open_exec
from syncd.cluster.failures import (
    CommandNotFound,
    Forbidden,
    Invalid,
    NotFound,
    NotRunning,
    Refused,
    Unauthorized,
    Unreachable,
)
from syncd.cluster.follow import follow
from syncd.cluster.forward import forward
from syncd.cluster.logs import ContainerLog, LogLine, follow_log
from syncd.cluster.pods import Replica, Skipped, TargetSpec, View
from syncd.cluster.ports import Timing
from syncd.cluster.readiness import Probe
from syncd.cluster.seek import seek


__all__ = [
    "Api",
    "CommandNotFound",
    "ContainerLog",
    "ExecStream",
    "Exit",
    "Forbidden",
    "Invalid",
    "LogLine",
    "NotFound",
    "NotRunning",
    "Output",
    "Probe",
    "Refused",
    "Replica",
    "Skipped",
    "TargetSpec",
    "Timing",
    "Unauthorized",
    "Unreachable",
    "View",
    "connect",
    "follow",
    "follow_log",
    "forward",
    "open_exec",
    "seek",
]
