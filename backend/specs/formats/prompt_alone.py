"""A JSON object that holds a prompt and no media: Predict1's text2world lines, or a file with a prompt.

Keys: `prompt`, and nothing else but `name`, `negative_prompt`, `seed`, `guidance` and `resolution`, so that
an object of an unknown kind, which may name media under any key, is never taken for one.
Source: nvidia-cosmos/cosmos-predict1, assets/diffusion/batch_inputs/text2world.jsonl.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.entries import Entry
from backend.specs.fields import name_of, prompt_of, rewrite_prompt
from backend.specs.model import Spec, SpecFormat
from backend.specs.targets import target_of

PATHS_FROM_FILE = False

_KEYS = frozenset({"prompt", "name", "negative_prompt", "seed", "guidance", "resolution"})


def recognises(entry: Entry) -> bool:
    return "prompt" in entry.fields and entry.fields.keys() <= _KEYS


def read(entry: Entry, cwd: Path) -> Spec:
    return Spec(
        format=SpecFormat.PROMPT,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt_of(entry),
        target=target_of(entry.fields),
    )


rewrite = rewrite_prompt
