"""The sum that decides whether a request fits a model's context."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

OVERHEAD = 3
"""Tokens around every user message of Pixtral: `<s>`, `[INST]` and `[/INST]`. See `families`."""


class Verdict(StrEnum):
    """Whether a request fits."""

    FITS = "fits"
    NEAR = "near"
    """It fits, and takes 90 % of the limit or more."""
    EXCEEDS = "exceeds"
    """The model server would refuse it, or cut the answer off."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one request takes of the context, all in tokens."""

    limit: int
    """The context length that the model is served with (`max_model_len`)."""
    reserve: int
    """Kept free for the answer. Where prompt and answer exceed the limit, vLLM refuses the request (around
    0.20), or takes it and cuts the answer off there (0.32): see docs/findings.md."""
    text: int
    vision: int
    """All frames together."""
    overhead: int = OVERHEAD
    """What the chat template puts around the text."""
    estimated: bool = False
    """The numbers are upper estimates, because the model's own tokenizer or rule is not known here."""

    @property
    def prompt_tokens(self) -> int:
        """What the server will count as the prompt."""
        return self.overhead + self.text + self.vision

    @property
    def needed(self) -> int:
        """The prompt and the answer."""
        return self.prompt_tokens + self.reserve

    @property
    def free(self) -> int:
        """What is left beside the prompt and the answer; negative by how much it exceeds."""
        return self.limit - self.needed

    @property
    def verdict(self) -> Verdict:
        """Whether it fits; exactly the limit still does."""
        if self.needed > self.limit:
            return Verdict.EXCEEDS
        # In whole numbers, so that 90 % means the same for every limit.
        return Verdict.NEAR if self.needed * 10 >= self.limit * 9 else Verdict.FITS

    @property
    def fits(self) -> bool:
        """Whether it fits, the answer included."""
        return self.verdict is not Verdict.EXCEEDS
