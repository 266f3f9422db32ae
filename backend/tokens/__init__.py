"""How much of a model's context a prompt and its frames take, and which size fits.

Context used = overhead + text + vision + the tokens kept free for the answer. `vision` holds the
models' rules, `text` the tokenizer, `budget` the sum and its verdict, `sizing` the largest size that
fits, `advice` what users are told about a video or a category.
"""

from backend.tokens.advice import (
    CategoryRow,
    SizeCheck,
    Validation,
    category_matrix,
    check_size,
    validate_resolution,
)
from backend.tokens.budget import Budget, Verdict
from backend.tokens.sizing import fit
from backend.tokens.text import TextCounter
from backend.tokens.vision import (
    LINEAR,
    MISTRAL_SMALL,
    PIXTRAL,
    ImageRule,
    LinearRule,
    VisionRule,
    estimate_tokens,
    pixtral_image_tokens,
)

__all__ = [
    "LINEAR",
    "MISTRAL_SMALL",
    "PIXTRAL",
    "Budget",
    "CategoryRow",
    "ImageRule",
    "LinearRule",
    "SizeCheck",
    "TextCounter",
    "Validation",
    "Verdict",
    "VisionRule",
    "category_matrix",
    "check_size",
    "estimate_tokens",
    "fit",
    "pixtral_image_tokens",
    "validate_resolution",
]
