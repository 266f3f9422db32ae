"""How tokens and verdicts are written in the tables of commands."""

from __future__ import annotations

from rich.text import Text

from backend.tokens import NEAR_MEANS, Budget, Verdict

_SIGNS = {Verdict.FITS: "✓ fits", Verdict.NEAR: "~ near", Verdict.EXCEEDS: "✗ exceeds"}
_STYLES = {Verdict.FITS: "green", Verdict.NEAR: "yellow", Verdict.EXCEEDS: "red"}


def verdict_text(verdict: Verdict) -> Text:
    """Return a verdict with its glyph, word and colour."""
    return Text(_SIGNS[verdict], _STYLES[verdict])


def verdict_legend() -> str:
    """Return all verdicts, and what the word "near" means."""
    signs = {**_SIGNS, Verdict.NEAR: f"{_SIGNS[Verdict.NEAR]} ({NEAR_MEANS})"}
    return ", ".join(signs.values())


def tokens_text(budget: Budget) -> str:
    """Return the number of a prompt's tokens; the sign ≈ marks an estimate."""
    return f"{'≈' if budget.estimated else ''}{budget.prompt_tokens:,}"
