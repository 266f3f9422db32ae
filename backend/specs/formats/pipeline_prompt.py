"""A prompt as the database of the Houdini pipeline exports it, alone or in a list.

Keys: `id`, `prompt_text`, `inputs: {video, depth, seg, …}`, `parameters`, `created_at`. Paths are relative to
the working directory, as in a PromptSpec.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.adapter import Replacement, Rewrite
from backend.specs.entries import Entry
from backend.specs.fields import is_well_formed, named_paths, seen_by_model, text_of
from backend.specs.json_edit import set_member
from backend.specs.model import Mode, Spec, SpecFormat
from backend.specs.targets import target_of

PATHS_FROM_FILE = False


def recognises(entry: Entry) -> bool:
    keys = entry.fields.keys()
    return "prompt_text" in keys and bool(keys & {"id", "inputs"})


def read(entry: Entry, cwd: Path) -> Spec:
    controls = named_paths(entry, "inputs", cwd)
    video = controls.pop("video", None)
    own = entry.fields.get("name") or entry.fields.get("id")
    return Spec(
        format=SpecFormat.PIPELINE_PROMPT,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=own if isinstance(own, str) and is_well_formed(own) else entry.default_name,
        prompt=text_of(entry.fields["prompt_text"], "prompt_text", '"prompt_text"'),
        video=seen_by_model(video, controls),
        controls=controls,
        target=target_of(entry.fields, Mode.TRANSFER if controls else None),
    )


def rewrite(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    return Rewrite(tuple(set_member(entry.source, entry.node, "prompt_text", new.prompt)))
