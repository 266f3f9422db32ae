"""Transfer1 and Predict1 batch: JSONL, with a video and a prompt on each line.

Keys: `visual_input`, `prompt` (may be empty or missing: the video alone is described then),
`control_overrides`. Paths are relative to the working directory. Both tools read it line by line whatever the
file's name is. Source: nvidia-cosmos/cosmos-transfer1 and cosmos-predict1, assets/*/batch_inputs/*.jsonl.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.adapter import EntryFault
from backend.specs.entries import Entry
from backend.specs.fields import (
    controls_of,
    name_of,
    path_of,
    prompt_of,
    rewrite_prompt,
    seen_by_model,
)
from backend.specs.model import Mode, Spec, SpecFormat
from backend.specs.quoting import kind_of
from backend.specs.targets import target_of

PATHS_FROM_FILE = False


def recognises(entry: Entry) -> bool:
    return bool(entry.fields.keys() & {"visual_input", "control_overrides"})


def read(entry: Entry, cwd: Path) -> Spec:
    controls = _controls(entry, cwd)
    return Spec(
        format=SpecFormat.TRANSFER1_BATCH,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt_of(entry) if "prompt" in entry.fields else "",
        video=seen_by_model(path_of(entry, "visual_input", cwd), controls),
        controls=controls,
        target=target_of(
            entry.fields, Mode.TRANSFER if "control_overrides" in entry.fields else None
        ),
    )


rewrite = rewrite_prompt


def _controls(entry: Entry, cwd: Path) -> dict[str, Path]:
    overrides = entry.fields.get("control_overrides")
    if overrides is None:
        return {}
    if not isinstance(overrides, dict):
        problem = f'"control_overrides" must be an object, not {kind_of(overrides)}'
        raise EntryFault(problem, "control_overrides")
    return controls_of(overrides, "input_control", cwd, "control_overrides")
