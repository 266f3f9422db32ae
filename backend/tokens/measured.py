"""Compares a family's rules with what a server counted for some requests, and corrects them.

A server counts exactly, so a few of its counts say much. As far as the requests differ, they tell apart a
wrong chat template (the same number of tokens more for each request), a wrong rule for pictures, and another
vocabulary (more tokens for longer texts):

- One count without pictures gives the tokens of the template.
- One count with pictures gives the family whose rules come nearest to it. If none comes near, pictures take a
  multiple of what the family counts.
- Counts of pictures of several sizes tell whether a family's rule is right for all of them, whether each
  picture takes the same, or which multiple is nearest.
- Counts of texts of several lengths give the tokens of a text for each of ours. What two short texts say of
  that is given little weight.

The simplest explanation that gives each count is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from backend.sizes import Size
from backend.tokens.families import FAMILIES, Family, upper_estimate
from backend.tokens.vision_tokens import FixedRule, GreatestRule, ScaledRule, VisionRule

_LEAST_DRIFT = 8
"""Tokens by which a count may differ from the rules before anything is said."""
_SHARE_OF_DRIFT = 50
"""One of so many tokens of a count may differ, too."""
_LIKELY_OFFSET = 32
"""Tokens by which the template of a model often differs from that of its family: a default system prompt."""
_TOKEN_ERROR, _RATE_ERROR = 1.5, 0.15
"""What is expected of a text in another vocabulary: so many tokens are off for no reason, and the rate is off
by so much. The ratio of the two decides how much texts of nearly the same length say of the rate."""
_LEAST_RATE, _MOST_RATE = 0.25, 4.0


@dataclass(frozen=True, slots=True)
class CountedRequest:
    """A request with the tokens that a server counted for it."""

    system: int
    """Tokens of the system prompt in Pixtral's vocabulary; 0 for none."""
    prompt: int
    """Tokens of the prompt in Pixtral's vocabulary."""
    beyond_ascii: int
    """Characters of both texts that are outside ASCII."""
    size: Size | None
    """The size of each picture; None without pictures."""
    frames: int
    tokens: int
    """The prompt tokens that the server counted."""

    def __post_init__(self) -> None:
        if min(self.system, self.prompt, self.beyond_ascii, self.frames, self.tokens) < 0:
            raise ValueError("no count is negative")
        if (self.size is None) != (self.frames == 0):
            raise ValueError("pictures have a size, and nothing else has one")

    @property
    def text(self) -> int:
        """Tokens of both texts in Pixtral's vocabulary."""
        return self.system + self.prompt

    @property
    def has_system(self) -> bool:
        """Whether there is a system prompt."""
        return self.system > 0

    def vision(self, rule: VisionRule) -> int:
        """Tokens of the pictures by a rule."""
        return rule.vision_tokens(self.size, self.frames) if self.size else 0


@dataclass(frozen=True, slots=True)
class Correction:
    """What some counts say of a family whose rules do not give them."""

    family: Family
    """The family with corrected rules. They are its own where the counts follow no rule."""
    rule_of: str
    """The name of the family by whose rule pictures are counted; empty for a rule that no family has."""
    spread: int
    """Tokens between the counts and the corrected rules, at most."""
    is_close: bool
    """Whether the corrected rules give the counts closely enough to be used."""

    @property
    def sees_pictures(self) -> bool:
        """Whether the server counts pictures at all."""
        return not isinstance(self.family.rule, FixedRule) or self.family.rule.tokens > 0


def fits_family(family: Family, counted: CountedRequest, tolerance: int | None = None) -> bool:
    """Whether a count is what the family's rules give, within what they leave open and a few tokens.

    With None, so many tokens are tolerated that are not worth a word.
    """
    least, most = _bounds(family, counted)
    if tolerance is None:
        tolerance = max(_LEAST_DRIFT, counted.tokens // _SHARE_OF_DRIFT)
    return least - tolerance <= counted.tokens <= most + tolerance


def expected_tokens(family: Family, counted: CountedRequest) -> int:
    """Return the prompt tokens that the family's rules give for this request: the most where they leave
    that open.
    """
    return _bounds(family, counted)[1]


@lru_cache(maxsize=64)
def find_correction(
    family: Family, counted: tuple[CountedRequest, ...], *, has_system: bool
) -> Correction | None:
    """Return the correction of the family's rules that these counts ask for; None when they need none.

    It is for requests with a system prompt or for those without: a template may add one of its own where none
    is given. Counts of the other kind are used only when there are no others.
    """
    same = tuple(each for each in counted if each.has_system == has_system) or counted
    if all(fits_family(family, each) for each in same):
        return None
    return _choose(family, same)


def _bounds(family: Family, counted: CountedRequest) -> tuple[int, int]:
    """Return the least and the most tokens that the family's rules leave open."""
    overhead = family.overhead_with_system if counted.has_system else family.overhead
    vision = counted.vision(family.rule)
    if family.measured:
        tokens = overhead + vision + family.measured_text(counted.text, counted.beyond_ascii)
        return tokens, tokens
    if family.has_vocabulary:
        tokens = overhead + vision + counted.text + bool(family.after_system and counted.has_system)
        return tokens, tokens
    # Pixtral's vocabulary takes a tenth more than others for English at most, and twice as many for Chinese.
    least = overhead + vision + counted.text * (4 if counted.beyond_ascii else 9) // 10
    if isinstance(family.rule, GreatestRule):
        # Nothing is known of the model: its template may be empty, and its rule any of these.
        least -= overhead + vision - min(counted.vision(rule) for rule in family.rule.rules)
    # The characters beyond ASCII count once, with the prompt.
    text = upper_estimate(counted.prompt, counted.beyond_ascii)
    text += upper_estimate(counted.system, 0) if counted.has_system else 0
    return least, overhead + vision + text


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Corrected rules, and how well they give the counts."""

    family: Family
    rule_of: str
    spread: int
    unlikely: float
    """How far the tokens of the template are from the likely ones; 0 for a likely number."""


def _choose(family: Family, counted: Sequence[CountedRequest]) -> Correction:
    closest, widest = _tolerances(counted)
    if not any(each.size for each in counted):
        return _correction(_attempt(family, family, family.rule, family.name, counted), widest)
    known = [
        _attempt(family, other, other.rule, other.name, counted)
        for other in (family, *FAMILIES.values())
        if not (other is not family and isinstance(other.rule, GreatestRule))
    ]
    if isinstance(family.rule, GreatestRule):
        known = known[1:]
    free = [
        _attempt(family, family, rule, "", counted)
        for make in (_scaled, _fixed)
        if (rule := make(family, counted)) is not None
    ]
    tiers: tuple[tuple[list[_Attempt], Callable[[_Attempt], bool]], ...] = (
        (known, lambda it: it.spread <= 1 and it.unlikely <= closest),
        (free, lambda it: it.spread <= 1),
        (known, lambda it: it.spread + it.unlikely <= closest),
        (free, lambda it: it.spread <= widest),
    )
    for attempts, is_good in tiers:
        good = [it for it in attempts if is_good(it)]
        if good:
            return _correction(min(good, key=lambda it: it.spread + it.unlikely), widest)
    if not free:
        # No picture costs anything: the server left them out, or counts without them.
        blind = replace(family, rule=FixedRule(0, family.rule))
        return Correction(blind, "", 0, is_close=False)
    return Correction(family, "", min(it.spread for it in (*known, *free)), is_close=False)


def _correction(it: _Attempt, widest: float) -> Correction:
    return Correction(it.family, it.rule_of, it.spread, is_close=it.spread <= widest)


def _tolerances(counted: Sequence[CountedRequest]) -> tuple[float, float]:
    """Return the tokens by which good rules may be off, and those by which usable ones may be."""
    text = max(each.text for each in counted)
    return _LEAST_DRIFT + text / 20, max(2 * _LEAST_DRIFT, max(e.tokens for e in counted) / 10)


def _attempt(
    own: Family, other: Family, rule: VisionRule, name: str, counted: Sequence[CountedRequest]
) -> _Attempt:
    """Correct the texts and the template, with pictures counted by `rule` and all else as `other` does."""
    has_system = counted[0].has_system
    texts = [_weight(other, each) for each in counted]
    left = [each.tokens - each.vision(rule) for each in counted]
    offset, rate, spread = _fit_texts(texts, left)
    before = other.overhead_around("x" if has_system else "")
    other_overhead = max(0, offset + other.overhead_around("" if has_system else "x") - before)
    corrected = replace(
        own,
        rule=rule,
        overhead=other_overhead if has_system else offset,
        overhead_with_system=offset if has_system else other_overhead,
        after_system="",
        has_vocabulary=other.has_vocabulary,
        estimated=False,
        measured=True,
        text_rate=rate,
    )
    unlikely = max(0, abs(offset - before) - _LIKELY_OFFSET) / 4
    return _Attempt(corrected, name, spread, unlikely)


def _weight(family: Family, counted: CountedRequest) -> int:
    """Return the tokens that a text takes at the rate 1."""
    return counted.text + (0 if family.has_vocabulary else counted.beyond_ascii)


def _fit_texts(texts: Sequence[int], left: Sequence[int]) -> tuple[int, float, int]:
    """Find the tokens of the template and the rate of the texts that give these counts.

    Returns both, and the tokens by which they are off at most. No count is under-estimated.
    """
    offset, spread = _offset(texts, left, 1.0)
    if spread <= 1 and offset >= 0:
        return offset, 1.0, spread
    # Least squares, held to the rate 1 as far as the lengths of the texts do not speak against it.
    text, tokens = sum(texts) / len(texts), sum(left) / len(left)
    held = (_TOKEN_ERROR / _RATE_ERROR) ** 2
    across = sum((u - text) * (n - tokens) for u, n in zip(texts, left, strict=True))
    rate = (across + held) / (sum((u - text) ** 2 for u in texts) + held)
    if tokens < rate * text and text:
        rate = tokens / text  # no template takes less than nothing
    rate = min(max(rate, _LEAST_RATE), _MOST_RATE)
    offset, spread = _offset(texts, left, rate)
    return max(0, offset), rate, spread + max(0, -offset)


def _offset(texts: Sequence[int], left: Sequence[int], rate: float) -> tuple[int, int]:
    counter = replace(_ANY, text_rate=rate)
    differences = [n - counter.measured_text(u, 0) for u, n in zip(texts, left, strict=True)]
    return max(differences), max(differences) - min(differences)


_ANY = replace(FAMILIES["pixtral"], measured=True)


def _scaled(family: Family, counted: Sequence[CountedRequest]) -> VisionRule | None:
    """Return the family's rule times the factor that the counts ask for; None if pictures take nothing."""
    factor = _slope(family, counted, [each.vision(family.rule) for each in counted])
    return ScaledRule(factor, family.rule) if factor > 0 else None


def _fixed(family: Family, counted: Sequence[CountedRequest]) -> VisionRule | None:
    """Return a rule with the same tokens for each picture; None if pictures take nothing."""
    tokens = round(_slope(family, counted, [each.frames if each.size else 0 for each in counted]))
    return FixedRule(tokens, family.rule) if tokens > 0 else None


def _slope(family: Family, counted: Sequence[CountedRequest], amounts: Sequence[int]) -> float:
    """Return the tokens that come with each unit of `amounts`, by least squares.

    Where all amounts are equal, the template is believed to take what the family says.
    """
    left = [each.tokens - _weight(family, each) for each in counted]
    amount, tokens = sum(amounts) / len(amounts), sum(left) / len(left)
    varies = sum((x - amount) ** 2 for x in amounts)
    if not varies:
        overhead = family.overhead_around("x" if counted[0].has_system else "")
        return (tokens - overhead) / amount
    return sum((x - amount) * (n - tokens) for x, n in zip(amounts, left, strict=True)) / varies
