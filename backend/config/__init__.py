"""The program's settings: what config.toml may contain, and where each value comes from.

`places` says where the files are. `settings` and `box_settings` hold the checked types. `layers` merges the
sources by precedence. `trust` says which settings a ./config.toml may decide. `survey` lists every setting
with its value and its source. `edit` changes the user's file. `profiles` holds what belongs to one model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from backend.config.places import LOCAL_FILE, user_file

if TYPE_CHECKING:
    from backend.config.box_names import ALL_BOXES
    from backend.config.box_settings import BoxSettings, EngineName, Llama, OpenAI, Ray, Vllm
    from backend.config.config_table import LEAST_MAX_TOKENS, MOST_MAX_TOKENS
    from backend.config.layers import (
        Layer,
        Origin,
        Table,
        check_layers,
        load_layers,
        load_settings,
        queued_settings,
        said_answer_language,
        said_max_tokens,
        settings_to_queue,
        shipped_text,
    )
    from backend.config.profiles import Profile, load_profile, profile_names
    from backend.config.settings import (
        Ahead,
        Announce,
        Cache,
        Estimator,
        Fit,
        Queue,
        Send,
        Settings,
        Upsampling,
    )

__all__ = [
    "ALL_BOXES",
    "LEAST_MAX_TOKENS",
    "LOCAL_FILE",
    "MOST_MAX_TOKENS",
    "Ahead",
    "Announce",
    "BoxSettings",
    "Cache",
    "EngineName",
    "Estimator",
    "Fit",
    "Layer",
    "Llama",
    "OpenAI",
    "Origin",
    "Profile",
    "Queue",
    "Ray",
    "Send",
    "Settings",
    "Table",
    "Upsampling",
    "Vllm",
    "check_layers",
    "load_layers",
    "load_profile",
    "load_settings",
    "profile_names",
    "queued_settings",
    "said_answer_language",
    "said_max_tokens",
    "settings_to_queue",
    "shipped_text",
    "user_file",
]

if not TYPE_CHECKING:
    # The checked types take their time to be made, and the app's first paint needs only the files' places.
    _LATER = ("box_names", "config_table", "box_settings", "profiles", "settings", "layers")

    def __getattr__(name: str) -> object:
        for module in _LATER if name in __all__ else ():
            held = vars(import_module(f"{__name__}.{module}"))
            if name in held:
                return held[name]
        raise AttributeError(f"module {__name__} has no attribute {name}")
