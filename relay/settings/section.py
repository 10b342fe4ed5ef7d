"""What every section of the settings has in common: unknown keys are mistakes, and no error repeats a value."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue

NEEDED: Final[dict[str, JsonValue]] = {"needed": True}
"""marks a field that has a default and is required all the same, by the product that is chosen unasked"""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
