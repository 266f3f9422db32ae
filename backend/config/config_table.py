"""What every table of config.toml is checked with, and the bounds of a context length."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

LEAST_MAX_TOKENS = 64
"""The shortest context length, in tokens, that `max_tokens` may be."""
MOST_MAX_TOKENS = 1_048_576
"""The longest."""


class ConfigTable(BaseModel):
    """A table: unknown keys are errors, and nothing changes after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True)
