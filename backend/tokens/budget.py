"""Adds up the tokens of a request, and decides whether it fits the model's context."""

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
    """It does not fit: the model server would refuse the request, or cut the answer off."""


NEAR_MEANS = "a tenth free at most"
"""What every legend says of `Verdict.NEAR`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The tokens that one request takes of the context."""

    limit: int
    """The context length that the model is served with (`max_model_len`)."""
    reserve: int
    """Tokens kept free for the answer. Where prompt and answer exceed the limit, vLLM refuses the request
    (around 0.20), or accepts it and cuts the answer off at the limit (0.32): see docs/findings.md."""
    text: int
    vision: int
    """The tokens of all frames together."""
    overhead: int = OVERHEAD
    """The tokens that the chat template adds."""
    estimated: bool = False
    """Whether the numbers are upper estimates, because the model's tokenizer or rule is not known."""
    measured: bool = False
    """Whether the numbers are corrected by what the model's server counted for earlier requests."""

    @property
    def prompt_tokens(self) -> int:
        """The tokens that the server counts as the prompt."""
        return self.overhead + self.text + self.vision

    @property
    def needed(self) -> int:
        """The tokens of the prompt and the answer."""
        return self.prompt_tokens + self.reserve

    @property
    def free(self) -> int:
        """The tokens that are left; negative where the request exceeds the limit."""
        return self.limit - self.needed

    @property
    def verdict(self) -> Verdict:
        """Whether the request fits. A request of exactly the limit fits."""
        if self.needed > self.limit:
            return Verdict.EXCEEDS
        # Integers, so that rounding does not change what 90 % means.
        return Verdict.NEAR if self.needed * 10 >= self.limit * 9 else Verdict.FITS

    @property
    def fits(self) -> bool:
        """Whether the prompt and the answer fit."""
        return self.verdict is not Verdict.EXCEEDS
