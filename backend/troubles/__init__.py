"""From an engine's raw words to what happened, why, and what to do.

The knowledge is data: `troubles.toml`, which explains its keys. `entries` reads it, `wording` fills its
sentences in, `translating` finds the entry that a log is about, `page` prints all of it for
docs/troubleshooting.md (`python -m backend.troubles`). Nothing here looks at a box: who holds the GPU, or how
large the frames were, is told by the caller (`Facts`).
"""

from backend.troubles.matching import PROMPT_TOO_LONG, ExplainedTrouble, Facts, translate

__all__ = ["PROMPT_TOO_LONG", "ExplainedTrouble", "Facts", "translate"]
