"""What every group of settings in params.yaml is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100)]
"""Stands in names of files, which have at most 255 bytes, with words around it."""
Count = Annotated[int, Field(ge=1, le=10**15)]
"""More than the tokens of any corpus; no sum of a few of these overflows 64 bits."""
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e15)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What 64 bits hold; a date with a time is one."""


class Settings(BaseModel):
    """Base of all groups: no unknown keys, no silent conversions, no changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
