"""The program's settings: what config.toml may say, where each value comes from, and who may decide it.

`settings` holds the checked types, `layers` lays the sources over each other, `trust` says what a foreign
folder's config.toml may decide, `survey` lists what holds here and now, `edit` changes the user's file, and
`profiles` holds what belongs to one model.
"""

from backend.config.layers import (
    LOCAL_FILE,
    Layer,
    Origin,
    Table,
    check_layers,
    load_layers,
    load_settings,
    queued_settings,
    shipped_text,
    user_file,
)
from backend.config.settings import (
    LEAST_MAX_TOKENS,
    BoxSettings,
    EngineName,
    Estimator,
    Fit,
    OpenAI,
    Settings,
    Upsampling,
    Vllm,
)

__all__ = [
    "LEAST_MAX_TOKENS",
    "LOCAL_FILE",
    "BoxSettings",
    "EngineName",
    "Estimator",
    "Fit",
    "Layer",
    "OpenAI",
    "Origin",
    "Settings",
    "Table",
    "Upsampling",
    "Vllm",
    "check_layers",
    "load_layers",
    "load_settings",
    "queued_settings",
    "shipped_text",
    "user_file",
]
