"""What every table of the configuration file is: closed, frozen, and nothing in it is converted silently."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file: unknown keys are errors, and a value has the type that it is written in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
