"""What `[target.reloader]` may say: how the program comes to run under it."""

from typing import Annotated

from pydantic import AfterValidator, Field

from syncd.config import words
from syncd.config.table import Argv, Table, Text


Module = Annotated[Text, AfterValidator(words.module)]


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
        " image's own is meant), or one that runs a shell or a script. It replaces the"
        " container's args, too.",
        examples=[["uvicorn", "main:app", "--port", "8080"]],
    )
    warm: tuple[Module, ...] = Field(
        strict=False,
        default=(),
        description="Modules to load ahead that the program was not seen to use.",
        examples=[["pandas"]],
    )
    cold: tuple[Module, ...] = Field(
        strict=False,
        default=(),
        description="Modules that are never to be loaded ahead, nor what imports them.",
        examples=[["acme.metrics"]],
    )
    drain_s: float | None = Field(
        default=None,
        gt=0,
        description="How long what replaced code was asked may take; else 2.",
        examples=[5],
    )
