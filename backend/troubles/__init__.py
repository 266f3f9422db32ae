"""Known errors: explains an engine's error message: what happened, why, and what to do.

The known errors are data, in `troubles.toml`, which documents its keys. `entries` reads it. `sentences` fills
values into its sentences. `matching` finds the entry that a log is about. `troubleshooting_page` prints all
of it as docs/troubleshooting.md (`python -m backend.troubles`). Nothing here connects to a box: the caller
passes what it knows, such as the size of the frames, as `Facts`.
"""

from backend.troubles.matching import PROMPT_TOO_LONG, ExplainedTrouble, Facts, translate

__all__ = ["PROMPT_TOO_LONG", "ExplainedTrouble", "Facts", "translate"]
