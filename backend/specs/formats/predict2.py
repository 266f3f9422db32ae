"""Predict2 batch: a JSON list of prompts, each with its image or video and the file that is to be made.

Keys: `prompt`, `input_video` (an image or video; missing for text2image and text2world), `output_image` or
`output_video`. Paths are relative to the working directory.
Source: nvidia-cosmos/cosmos-predict2, assets/*/batch_example.json.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.entries import Entry
from backend.specs.fields import name_of, path_of, prompt_of, rewrite_prompt
from backend.specs.model import Spec, SpecFormat
from backend.specs.targets import mode_by_media, target_of

PATHS_FROM_FILE = False


def recognises(entry: Entry) -> bool:
    keys = entry.fields.keys()
    makes_a_file = bool(keys & {"output_image", "output_video"})
    return "input_video" in keys or ("prompt" in keys and makes_a_file)


def read(entry: Entry, cwd: Path) -> Spec:
    source = entry.fields.get("input_video") or None
    makes_picture = "output_image" in entry.fields
    return Spec(
        format=SpecFormat.PREDICT2,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt_of(entry),
        video=path_of(entry, "input_video", cwd),
        target=target_of(
            entry.fields, mode_by_media(source if isinstance(source, str) else None, makes_picture)
        ),
    )


rewrite = rewrite_prompt
