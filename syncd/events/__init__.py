"""The vocabulary: every event that syncd can report.

An event is a value. Low floors return values and report nothing; `watch`, `session`,
`cluster.follow` and `daemon` are given an `Emit` and call it. The console, the JSON
lines and the control socket all render these same facts.

Names are an API: dotted, past tense, stable. Durations carry their unit in the name
(`_ms`, `_s`) and are monotonic; sizes are bytes. File names are bytes, as on disk.
"""

from syncd.events.base import (
    Emit,
    Event,
    Level,
    as_dict,
)
from syncd.events.batch import (
    BatchApplied,
    BatchDetected,
    BatchDone,
    BatchPacked,
    BatchReady,
    BatchReloaded,
    BatchSent,
    BatchSettled,
    ReloadFailed,
    ReloadHung,
    ReloadMissed,
    ReloadUnready,
)
from syncd.events.cluster import (
    ApiBack,
    ApiLost,
    TargetChanged,
)
from syncd.events.container import (
    HookRan,
    PathFailed,
    PathNoted,
    PathsKept,
    SessionConnected,
    SessionEnded,
    SessionLimited,
    SessionLost,
    SessionReconciled,
    SessionRefused,
)
from syncd.events.daemon import (
    Failed,
    InStep,
    Started,
    Stopped,
)
from syncd.events.local import (
    FolderScanned,
    PathSkipped,
    RootFound,
    RootLost,
    SecretsWithheld,
    WatchDegraded,
    WatchOverflowed,
    WatchStarted,
)
from syncd.events.rebuild import (
    RebuildBuilt,
    RebuildCancelled,
    RebuildDecided,
    RebuildDelivered,
    RebuildDone,
    RebuildDrifted,
    RebuildFailed,
    RebuildFound,
    RebuildPods,
    RebuildProgress,
    RebuildRolledBack,
    RebuildRolling,
    RebuildStarted,
    RebuildWarned,
)


__all__ = [
    "ApiBack",
    "ApiLost",
    "BatchApplied",
    "BatchDetected",
    "BatchDone",
    "BatchPacked",
    "BatchReady",
    "BatchReloaded",
    "BatchSent",
    "BatchSettled",
    "Emit",
    "Event",
    "Failed",
    "FolderScanned",
    "HookRan",
    "InStep",
    "Level",
    "PathFailed",
    "PathNoted",
    "PathSkipped",
    "PathsKept",
    "RebuildBuilt",
    "RebuildCancelled",
    "RebuildDecided",
    "RebuildDelivered",
    "RebuildDone",
    "RebuildDrifted",
    "RebuildFailed",
    "RebuildFound",
    "RebuildPods",
    "RebuildProgress",
    "RebuildRolledBack",
    "RebuildRolling",
    "RebuildStarted",
    "RebuildWarned",
    "ReloadFailed",
    "ReloadHung",
    "ReloadMissed",
    "ReloadUnready",
    "RootFound",
    "RootLost",
    "SecretsWithheld",
    "SessionConnected",
    "SessionEnded",
    "SessionLimited",
    "SessionLost",
    "SessionReconciled",
    "SessionRefused",
    "Started",
    "Stopped",
    "TargetChanged",
    "WatchDegraded",
    "WatchOverflowed",
    "WatchStarted",
    "as_dict",
]
