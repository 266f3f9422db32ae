"""Explains an engine's error message about a failed job to the user."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from backend.config import load_profile, queued_settings
from backend.errors import ConfigError
from backend.sizes import Size
from backend.tokens import Budget, VisionRule
from backend.tokens.clip_tokens import ShownRule
from backend.troubles import ExplainedTrouble, Facts, translate

if TYPE_CHECKING:
    from backend.store import Job, Store

_MOST_RAW = 600
"""Characters of an unknown error message that are shown."""


def explain(store: Store, job: Job, raw: str) -> str:
    """Say what happened, why, and what to do; for an unknown error, return the end of the message."""
    try:
        facts = _collect_facts(store, job)
    except ConfigError:
        facts = Facts()  # the profile of the job no longer exists
    trouble = translate(raw, facts)
    if trouble is None:
        return raw if len(raw) <= _MOST_RAW else "…" + raw[-_MOST_RAW:]
    return f"{trouble.what} {trouble.why}\n  {trouble.do}"


@lru_cache(maxsize=32)
def explain_away(words: str, box: str) -> ExplainedTrouble | None:
    """Explain why the model server of a box is away; None where that is not known. `words` are what the box
    says: the reason, and when it tries again. A screen asks this each time it is drawn.
    """
    reason, _, _ = words.partition("; trying again")
    return translate(reason, Facts(box=box))


def _collect_facts(store: Store, job: Job) -> Facts:
    settings = queued_settings(job.settings)
    family = load_profile(settings.profile).family
    request = store.request(job.number)
    first = request.frames[0] if request.frames else None
    of_each = tuple(len(frame.times) or 1 for frame in request.frames)
    rule: VisionRule = family.rule
    if family.clips is not None and any(each > 1 for each in of_each):
        rule = ShownRule(family.clips, family.rule, of_each)
    size = Size(first.width, first.height) if first else None
    vision = rule.vision_tokens(size, sum(of_each)) if size else 0
    # The tokens of a system prompt and of the chat template count as text, so that the sum is right.
    overhead = Budget(settings.max_tokens, settings.reserve, 0, vision).prompt_tokens
    return Facts(
        source=size,
        frames=sum(of_each) or None,
        text_tokens=max(0, job.estimate - overhead),
        limit=settings.max_tokens,
        reserve=settings.reserve,
        rule=rule,
        bound=settings.bound,
        box=job.box,
        model=request.model,
    )
