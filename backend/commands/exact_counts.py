"""`--dry-run --exact`: the model server of the box counts the texts, and not a rule here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from backend.box.asker import TerminalAsker
from backend.box.setup import make_box
from backend.box.token_counts import count_on_box
from backend.config import Settings
from backend.console import safe, say, warn
from backend.errors import BoxError
from backend.planning.plan import Plan, Planner


def counted_by_server(
    planner: Planner, plans: Sequence[Plan], settings: Settings, box: str, fingerprint: str
) -> Planner | None:
    """Return a planner that knows what the box's model server makes of the texts of these plans.

    None, after a warning, where it does not count them all, or cannot be reached. Blocks.
    """
    texts = list(dict.fromkeys(planner.sent_texts(plan) for plan in plans if plan.budget))
    asker = TerminalAsker(fingerprint, contextlib.nullcontext)
    reached = make_box(*settings.box_named(box), settings)
    say(f"… asking {safe(box)} for the tokens of {len(texts):,} texts")
    try:
        tokens = asyncio.run(count_on_box(reached, asker, texts))
    except BoxError as error:
        warn(f"the tokens stay as they are counted here: {error}")
        return None
    counted = {text: it for text, it in zip(texts, tokens, strict=True) if it is not None}
    if len(counted) < len(texts):
        warn(
            f"the model server of {safe(box)} counted {len(counted):,} of {len(texts):,} texts, so the "
            "tokens stay as they are counted here (vLLM and llama.cpp count; a vLLM of the box only "
            "while it runs)"
        )
        return None
    return planner.recounted(counted)
