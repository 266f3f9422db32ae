"""Answers that end too early, or are longer than what reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.results.lints.finding import Answered, Lint, LintKind

ENCODER_TOKENS = 512
"""Cosmos-Transfer1 encodes prompts with T5-11B and drops what is beyond so many tokens
(`max_length=512` in its `CosmosT5TextEncoder`)."""

_PIECES = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_LETTERS_A_TOKEN = 5
"""T5's vocabulary has most English words of up to about so many letters whole; longer ones are split."""


def cut_off(answered: Answered) -> Iterator[Lint]:
    """The answer ends at max_tokens and not where the model would have ended it."""
    if answered.finish_reason == "length":
        yield Lint(
            LintKind.CUT_OFF, "It was cut off at max_tokens: raise `reserve`, or draw it again"
        )


def too_long(answered: Answered) -> Iterator[Lint]:
    """The downstream encoder would not read the end of it."""
    tokens = encoder_tokens(answered.answer)
    if tokens > ENCODER_TOKENS:
        yield Lint(
            LintKind.LONG,
            f"It has about {tokens:,} tokens for Cosmos' text encoder, which reads {ENCODER_TOKENS}",
        )


def encoder_tokens(text: str) -> int:
    """About how many tokens T5 makes of the text, the end token included.

    A rule, and no count: its vocabulary is not shipped with anything that we use.
    """
    pieces = _PIECES.findall(text)
    return 1 + sum(1 + (len(piece) - 1) // (2 * _LETTERS_A_TOKEN) for piece in pieces)
