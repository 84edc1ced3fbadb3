"""What the endpoints take and give."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


# PostgreSQL keeps no NUL in text: refused here, it is a 422 and not a 500.
Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"
    ),
]
# The largest INTEGER of PostgreSQL: beyond it the question itself is an error there.
Id = Annotated[int, Field(ge=1, le=2**31 - 1)]


class TaskIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    done: bool = False


class TaskPatch(BaseModel):
    """Any part of a task; what is left out stays as it is, and null is no value."""

    model_config = ConfigDict(extra="forbid")

    title: Title = ""
    done: bool = False


class TaskOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    done: bool
    created_at: datetime


class TaskPage(BaseModel):
    items: list[TaskOut]
    next: int | None  # pass it as `after` for the page that follows
