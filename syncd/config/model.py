"""The settings, as values: what `syncd.toml` may say and what each key means.

The models refuse whatever a single value can be refused for. What needs two keys or
the disk is in `check`.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from syncd.config import words
from syncd.config.rebuild import Rebuild
from syncd.config.reloader import Reloader
from syncd.config.table import Argv, Label, Table, Text


Mode = Literal["one-way-safe", "one-way-replica"]
Signal = Literal["HUP", "INT", "KILL", "QUIT", "TERM", "USR1", "USR2"]
Expression = Annotated[Text, AfterValidator(words.expression)]
Milliseconds = Annotated[int, Field(ge=1, le=60_000)]


def _path(path: Path) -> Path:
    words.text(str(path))
    return path


class Watch(Table):
    """How long syncd waits for the writing to go quiet."""

    quiet_ms: Milliseconds = Field(
        default=10, description="Quiet period after a lone save.", examples=[10]
    )
    burst_ms: Milliseconds = Field(
        default=50, description="Quiet period after several changes.", examples=[50]
    )
    cap_ms: Milliseconds = Field(
        default=1000,
        description="Constant writing is sent after this long all the same.",
        examples=[1000],
    )
    poll: bool = Field(
        default=False,
        description="Look at the folder by the clock instead of waiting for events:"
        " for network file systems, which send none.",
        examples=[True],
    )


class Sync(Table):
    """A local folder and where it lands in the container."""

    local: Annotated[Path, Field(strict=False)] = Field(
        description="A folder of the project, relative to the file that says so.",
        examples=["deploy/myapp"],
    )
    remote: Annotated[str, AfterValidator(words.remote_path)] = Field(
        description="An absolute folder in the container.", examples=["/app"]
    )
    ignore: tuple[Text, ...] = Field(
        strict=False,
        default=(),
        description="Patterns as in .gitignore, relative to `local`. They have the last"
        " word; a pattern that starts with ! brings a path back.",
        examples=[["*.md"]],
    )

    @field_validator("local")
    @classmethod
    def _absolute(cls, local: Path, info: ValidationInfo) -> Path:
        project = (info.context or {}).get("project")
        return Path(os.path.normpath(project / local)) if project else local


class Restart(Table):
    """The process to signal, by its command line."""

    match: Text = Field(
        description="A part of the process's command line.",
        examples=["uvicorn main:app"],
    )
    signal: Signal = Field(
        default="HUP", description="What it is sent.", examples=["HUP"]
    )


class _Rule(Table):
    paths: tuple[Text, ...] = Field(
        strict=False,
        min_length=1,
        description="Patterns as in .gitignore, relative to each `local` folder."
        " The first rule that matches a path decides it.",
        examples=[["requirements*.txt"]],
    )


class RunRule(_Rule):
    """Sync the path, then run a command in the container."""

    action: Literal["run"]
    run: Argv = Field(
        description="The command and its arguments, one string each; no shell.",
        examples=[["pip", "install", "-r", "requirements.txt"]],
    )
    cwd: Annotated[str, AfterValidator(words.absolute_path)] | None = Field(
        default=None,
        description="Where it runs in the container; else the `remote` folder.",
        examples=["/app"],
    )
    timeout_s: float = Field(
        default=300.0, gt=0, description="It is killed after this long.", examples=[300]
    )


class RestartRule(_Rule):
    """Sync the path, then signal a process in the container."""

    action: Literal["restart"]
    restart: Restart = Field(
        description="Which process, and which signal.",
        examples=[{"match": "uvicorn main:app", "signal": "HUP"}],
    )


class SyncRule(_Rule):
    """Sync the path and do no more, whatever later rules say."""

    action: Literal["sync"]


class IgnoreRule(_Rule):
    """Leave the path alone."""

    action: Literal["ignore"]


Rule = Annotated[
    RunRule | RestartRule | SyncRule | IgnoreRule, Field(discriminator="action")
]


class Reload(Table):
    """What the program's log says of its reloads, before the servers syncd knows."""

    serving: Expression = Field(
        description="A regular expression, found in the line that says that the program"
        " serves, for the first time or again.",
        examples=["Server started"],
    )
    began: Expression | None = Field(
        default=None,
        description="The same for the line that says that it saw a change and starts"
        " over.",
        examples=["Change detected"],
    )
    armed: Expression | None = Field(
        default=None,
        description="The same for the line that says, once, that it reloads by itself.",
        examples=["Watching for changes"],
    )
    server: Text = Field(
        default="the program", description="What it is called.", examples=["our-server"]
    )


class Target(Table):
    """Which containers are kept in step, and with what."""

    workload: Annotated[str, AfterValidator(words.workload)] | None = Field(
        default=None,
        description="deployment/NAME, statefulset/NAME or pod/NAME.",
        examples=["deployment/myapp"],
    )
    selector: Annotated[str, AfterValidator(words.selector)] | None = Field(
        default=None,
        description="A label selector, in place of `workload`.",
        examples=["app=myapp"],
    )
    namespace: Label | None = Field(
        default=None, description="Else the context's own.", examples=["myapp"]
    )
    container: Label | None = Field(
        default=None,
        description="May be left out where the Pod has one container.",
        examples=["myapp"],
    )
    mode: Mode = Field(
        default="one-way-safe",
        description="one-way-safe deletes only what syncd put there or found equal;"
        " one-way-replica deletes whatever the local folder does not have.",
        examples=["one-way-safe"],
    )
    sync: tuple[Sync, ...] = Field(
        strict=False,
        min_length=1,
        description="The folders, each with its place in the container.",
        examples=[[{"local": "deploy/myapp", "remote": "/app"}]],
    )
    rules: tuple[Rule, ...] = Field(
        strict=False,
        default=(),
        alias="rule",
        description="What a change does beyond being synced; first match wins.",
        examples=[[{"paths": ["*.md"], "action": "ignore"}]],
    )
    reload: Reload | None = Field(
        default=None,
        description="How the program's log tells of its reloads, where it is none of the"
        " servers that syncd knows.",
        examples=[{"serving": "Server started"}],
    )
    rebuild: Rebuild | None = Field(
        default=None,
        description="How the image is built anew when its dependencies change; without"
        " this table it never is.",
        examples=[{"dockerfile": "Dockerfile.dev"}],
    )
    reloader: Reloader | None = Field(
        default=None,
        description="How the program comes to run under the warm reloader, where its"
        " image does not run it.",
        examples=[{"inject": True}],
    )

    @property
    def title(self) -> str:
        """What the target is called in lines and events."""
        return self.workload or self.selector or ""


class Document(Table):
    """All that `syncd.toml`, or `[tool.syncd]` in `pyproject.toml`, may hold."""

    context: Text | None = Field(
        default=None,
        description="The kubeconfig context to use; else the current one.",
        examples=["k3d-dev"],
    )
    kubeconfig: Annotated[Path, Field(strict=False), AfterValidator(_path)] | None = (
        Field(
            default=None,
            description="A kubeconfig file, relative to the file that says so; else"
            " KUBECONFIG, else ~/.kube/config.",
            examples=["~/.kube/dev.yaml"],
        )
    )
    allow_contexts: tuple[Text, ...] = Field(
        strict=False,
        default=(),
        description="Contexts, or patterns of them, that are not local clusters and"
        " are meant all the same.",
        examples=[["staging-*"]],
    )
    watch: Watch = Field(default=Watch(), description="How changes are waited for.")
    targets: tuple[Target, ...] = Field(
        strict=False,
        alias="target",
        min_length=1,
        description="The containers to keep in step.",
        examples=[
            [
                {
                    "workload": "deployment/myapp",
                    "sync": [{"local": "deploy/myapp", "remote": "/app"}],
                }
            ]
        ],
    )


class Settings(Document):
    """The settings of one run: what the file, the variables and the flags come to.

    Attributes:
        project: The folder that relative paths start from.
        source: The file they were read from, or None.
    """

    project: Path
    source: Path | None = None

    @classmethod
    def of(cls, document: dict[str, Any], project: Path, source: Path | None) -> Self:
        """Return the settings that a parsed file of `project` holds.

        Raises:
            pydantic.ValidationError: For all that a single value can be wrong in.
        """
        return cls.model_validate(
            {**document, "project": project, "source": source},
            context={"project": project},
        )


RULES: dict[str, type[_Rule]] = {
    "run": RunRule,
    "restart": RestartRule,
    "sync": SyncRule,
    "ignore": IgnoreRule,
}
TABLES: dict[tuple[str, ...], type[Table]] = {
    (): Document,
    ("watch",): Watch,
    ("target",): Target,
    ("target", "rebuild"): Rebuild,
    ("target", "reload"): Reload,
    ("target", "reloader"): Reloader,
    ("target", "sync"): Sync,
    ("target", "rule", "restart", "restart"): Restart,
    **{("target", "rule", action): rule for action, rule in RULES.items()},
}
