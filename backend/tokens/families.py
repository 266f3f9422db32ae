"""Model families: the rule by which each counts pictures, and how many tokens its text takes.

The vision rules are exact. Text is counted exactly where the family's vocabulary is installed. Elsewhere the
count is an upper estimate, and the budget says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from backend.tokens.budget import OVERHEAD
from backend.tokens.clip_tokens import QWEN2_VL_CLIPS, QWEN3_VL_CLIPS, ClipRule
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
"""The factor and the tokens that `_Estimate` adds for another vocabulary."""


@dataclass(frozen=True, slots=True)
class Family:
    """Models that count tokens by the same rules."""

    name: str
    rule: VisionRule
    overhead: int
    """Tokens of the chat template around a user's message when no system prompt is given."""
    overhead_with_system: int
    """Tokens of the chat template when a system prompt is given, without the tokens of its text."""
    after_system: str = ""
    """Text that the template adds after the system prompt."""
    has_vocabulary: bool = False
    """Whether text is counted with the family's own vocabulary."""
    estimated: bool = True
    """Whether its budgets are upper estimates."""
    measured: bool = False
    """Whether the rules were corrected by what a server counted: see `measured`."""
    text_rate: float = 1.0
    """The server's tokens for each of ours in a text; for measured rules alone."""
    clips: ClipRule | None = None
    """The rule that counts clips; None for models that take none, or whose rule is not known."""

    def overhead_around(self, system: str) -> int:
        """Return the tokens of the chat template for a message with this system prompt; "" means none."""
        return self.overhead_with_system if system else self.overhead

    def with_exact_texts(self) -> Family:
        """Return these rules for texts whose tokens are known, those of the chat template among them."""
        is_open = isinstance(self.rule, GreatestRule) and self.estimated
        return replace(self, overhead=0, overhead_with_system=0, estimated=is_open)

    def text_tokens(self, counter: TextCounter, system: str, prompt: str) -> int:
        """Count the tokens of both texts. An empty text has none. Raises ConfigError without a vocabulary."""
        if self.measured:
            tokens = sum(counter.count(text) for text in (system, prompt) if text)
            return self.measured_text(tokens, count_beyond_ascii(system + prompt))
        texts = [system + self.after_system if system else "", prompt]
        count = counter.count if self.has_vocabulary else _Estimate(counter).count
        return sum(count(text) for text in texts if text)

    def measured_text(self, tokens: int, beyond_ascii: int) -> int:
        """Return the tokens of a text by measured rules, from its tokens in Pixtral's vocabulary."""
        counted = tokens + (0 if self.has_vocabulary else beyond_ascii)
        # Without the small part, the error of a product of floats could become a token.
        return math.ceil(counted * self.text_rate - 1e-6)


def count_beyond_ascii(text: str) -> int:
    """Count the characters outside ASCII. Many vocabularies have a token or more for each."""
    return sum(not character.isascii() for character in text)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Estimates the tokens of a vocabulary that is not installed, from the count by Pixtral's vocabulary.

    Measured against Qwen's vocabulary (the 151,643 entries that Qwen2 to Qwen3 share): English prose and
    code take 0.95 to 1.0 of Pixtral's tokens, noise in ASCII up to 1.07 and 3; German 1.13, Russian
    1.24, Korean 1.5, Greek 2.0, Tamil and Hindi 2.6; Chinese half. So the estimate adds a tenth, 3 tokens,
    and one token for each character outside ASCII. English is over-estimated by a tenth, and none of these
    languages is under-estimated.
    """

    counter: TextCounter

    def count(self, text: str) -> int:
        return upper_estimate(self.counter.count(text), count_beyond_ascii(text))


def upper_estimate(tokens: int, beyond_ascii: int) -> int:
    """Return the most tokens that a text takes in another vocabulary than Pixtral's: see `_Estimate`."""
    return math.ceil(tokens * _MARGIN) + _SPARE + beyond_ascii


_KNOWN = (
    # The system prompt comes before the pictures, with an empty line after it (mistral-common's v3).
    Family(
        "pixtral", PIXTRAL, OVERHEAD, OVERHEAD,
        after_system="\n\n", has_vocabulary=True, estimated=False,
    ),
    # [SYSTEM_PROMPT] and [/SYSTEM_PROMPT] (v7 and later). mistral-common does not ship this family's tekken
    # file. The two files that it ships have the same words, so this one most likely has them, too.
    Family("mistral-small", MISTRAL_SMALL, OVERHEAD, OVERHEAD + 2, has_vocabulary=True),
    # <|im_start|>user\n … <|im_end|>\n<|im_start|>assistant\n is 3 + 2 + 3 tokens. The system prompt,
    # with <|im_start|>system\n and <|im_end|>\n, is 5 more and its text: 6 for "You are a helpful
    # assistant.", the template's default.
    Family("qwen2-vl", QWEN2_VL, 8 + 5 + 6, 8 + 5, clips=QWEN2_VL_CLIPS),
    Family("qwen3-vl", QWEN3_VL, 8, 8 + 5, clips=QWEN3_VL_CLIPS),
    # An unknown template: we know none that is much longer than 32 tokens.
    Family("other", GreatestRule((PIXTRAL, MISTRAL_SMALL, QWEN2_VL, QWEN3_VL)), 32, 32),
)  # fmt: skip

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _KNOWN})
"""The families by name. "other", for unknown models, counts as the costliest of the known ones."""
