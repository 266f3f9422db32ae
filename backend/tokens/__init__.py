"""How much of a model's context a prompt and its frames take, and which size fits.

Context used = overhead + text + vision + the tokens kept free for the answer. `vision_tokens` holds the
models' rules for pictures, `text_tokens` the tokenizer, `families` both for each model family, `measured`
their correction by what a server counts, `budget` the sum and its verdict, `fitting_size` the largest size
that fits.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from backend.tokens.budget import NEAR_MEANS, Budget, Verdict

if TYPE_CHECKING:
    from backend.tokens.families import FAMILIES, Family
    from backend.tokens.fitting_size import fit, next_size, sizes_worth_sending
    from backend.tokens.measured import (
        Correction,
        CountedRequest,
        expected_tokens,
        find_correction,
        fits_family,
    )
    from backend.tokens.text_tokens import TextCounter
    from backend.tokens.vision_tokens import (
        LINEAR,
        MISTRAL_SMALL,
        PIXTRAL,
        QWEN2_VL,
        QWEN3_VL,
        GreatestRule,
        ImageRule,
        LinearRule,
        SmartResizeRule,
        VisionRule,
        estimate_tokens,
        pixtral_image_tokens,
    )

__all__ = [
    "FAMILIES",
    "LINEAR",
    "MISTRAL_SMALL",
    "NEAR_MEANS",
    "PIXTRAL",
    "QWEN2_VL",
    "QWEN3_VL",
    "Budget",
    "Correction",
    "CountedRequest",
    "Family",
    "GreatestRule",
    "ImageRule",
    "LinearRule",
    "SmartResizeRule",
    "TextCounter",
    "Verdict",
    "VisionRule",
    "estimate_tokens",
    "expected_tokens",
    "find_correction",
    "fit",
    "fits_family",
    "next_size",
    "pixtral_image_tokens",
    "sizes_worth_sending",
]

if not TYPE_CHECKING:
    # The app's first paint counts nothing.
    _LATER = ("text_tokens", "vision_tokens", "families", "fitting_size", "measured")

    def __getattr__(name: str) -> object:
        for module in _LATER if name in __all__ else ():
            held = vars(import_module(f"{__name__}.{module}"))
            if name in held:
                return held[name]
        raise AttributeError(f"module {__name__} has no attribute {name}")
