"""What all tables of the settings have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from syncd.config import words


Label = Annotated[str, AfterValidator(words.label)]
Text = Annotated[str, Field(min_length=1), AfterValidator(words.text)]
Argv = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class Table(BaseModel):
    """A table that refuses keys it does not know, and does not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, serialize_by_alias=True
    )
