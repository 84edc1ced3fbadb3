"""What `[target.reloader]` may say: how the program comes to run under it."""

from pydantic import Field

from syncd.config.table import Argv, Table


class Reloader(Table):
    """The warm reloader, for an image that does not bring it."""

    inject: bool = Field(
        default=False,
        description="Put the warm reloader before the container's command when `syncd"
        " watch` starts; `syncd restore` takes it back. The workload is changed once,"
        " and rolled out.",
        examples=[True],
    )
    command: Argv | None = Field(
        default=None,
        description="What to run under it, where the Pod's spec has no command (the"
        " image's own is meant), or one that runs a shell.",
        examples=[["uvicorn", "main:app", "--port", "8080"]],
    )
