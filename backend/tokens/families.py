"""Model families: how each counts pictures, and what its chat template and tokenizer make of the text.

The vision rules are exact. The text is exact where the family's vocabulary is here; otherwise it is an
upper estimate, and the budget says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backend.tokens.budget import OVERHEAD
from backend.tokens.text_tokens import TextCounter
from backend.tokens.vision_tokens import (
    MISTRAL_SMALL,
    PIXTRAL,
    QWEN2_VL,
    QWEN3_VL,
    GreatestRule,
    VisionRule,
)

_MARGIN, _SPARE = 1.1, 3
"""Of an estimate for another vocabulary: see `_Estimate`."""


@dataclass(frozen=True, slots=True)
class Family:
    """Models that count alike."""

    name: str
    rule: VisionRule
    overhead: int
    """Tokens of the chat template around a user's message when no system prompt is given."""
    overhead_with_system: int
    """The same around both when one is given, without the tokens of its text."""
    after_system: str = ""
    """Text that the template puts between the system prompt and what follows."""
    has_vocabulary: bool = False
    """Whether text is counted with the family's own vocabulary."""
    estimated: bool = True
    """Whether its budgets are upper estimates."""

    def overhead_around(self, system: str) -> int:
        """Tokens of the chat template around a message with this system prompt; "" is none."""
        return self.overhead_with_system if system else self.overhead

    def text_tokens(self, counter: TextCounter, system: str, prompt: str) -> int:
        """Tokens of both texts; an empty one costs nothing. Raises ConfigError without a vocabulary."""
        texts = [system + self.after_system if system else "", prompt]
        count = counter.count if self.has_vocabulary else _Estimate(counter).count
        return sum(count(text) for text in texts if text)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Counts for a vocabulary that is not here, from the one of Pixtral that is.

    Measured against Qwen's vocabulary (the 151,643 entries that Qwen2 to Qwen3 share): English prose and
    code take 0.95 to 1.0 of Pixtral's tokens, noise in ASCII up to 1.07 and 3; German 1.13, Russian
    1.24, Korean 1.5, Greek 2.0, Tamil and Hindi 2.6; Chinese half. So: a tenth and 3 more, and one more
    a character outside ASCII. For English that is a tenth too many, and for none of these too few.
    """

    counter: TextCounter

    def count(self, text: str) -> int:
        beyond_ascii = sum(not character.isascii() for character in text)
        return math.ceil(self.counter.count(text) * _MARGIN) + _SPARE + beyond_ascii


_KNOWN = (
    # System text goes before the pictures, as text, with an empty line after it (mistral-common's v3).
    Family(
        "pixtral", PIXTRAL, OVERHEAD, OVERHEAD,
        after_system="\n\n", has_vocabulary=True, estimated=False,
    ),
    # [SYSTEM_PROMPT] and [/SYSTEM_PROMPT] (v7 and later). Its tekken file is not in mistral-common; the
    # two that are there hold the same words, so this one most likely does, too.
    Family("mistral-small", MISTRAL_SMALL, OVERHEAD, OVERHEAD + 2, has_vocabulary=True),
    # <|im_start|>user\n … <|im_end|>\n<|im_start|>assistant\n is 3 + 2 + 3 tokens. The system prompt,
    # with <|im_start|>system\n and <|im_end|>\n, is 5 more and its text: 6 for "You are a helpful
    # assistant.", which these put in where none is given.
    Family("qwen2-vl", QWEN2_VL, 8 + 5 + 6, 8 + 5),
    Family("qwen3-vl", QWEN3_VL, 8, 8 + 5),
    # A template of a size that none is known to exceed by much.
    Family("other", GreatestRule((PIXTRAL, MISTRAL_SMALL, QWEN2_VL, QWEN3_VL)), 32, 32),
)  # fmt: skip

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _KNOWN})
"""By name. "other" is for models of no known family: as the costliest of the known ones."""
