"""What can keep an image from running, by the stage at which it does.

TargetError
└── CannotRebuild
    ├── CannotBuild      the builder is missing, does not answer, or failed
    ├── CannotDeliver    the image does not get to the nodes
    └── CannotRollOut    the new Pods do not come up
"""

from typing import ClassVar

from syncd.errors import TargetError


class CannotRebuild(TargetError):
    """The new image does not run; everything is as it was.

    Attributes:
        stage: What failed, as the events name it.
        detail: The last lines of whoever knows more.
    """

    stage: ClassVar[str]

    def __init__(
        self, message: str, *, hint: str = "", detail: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.detail = detail


class CannotBuild(CannotRebuild):
    """The image could not be built."""

    stage = "build"


class CannotDeliver(CannotRebuild):
    """The image could not be brought to where the nodes get it from."""

    stage = "deliver"


class CannotRollOut(CannotRebuild):
    """The workload could not be changed, or its new Pods do not come up."""

    stage = "roll out"
