"""Upsampler batch: a JSON list of prompts with their videos.

Keys: `prompt`, `video_path`, `name`, `spec_id`. Paths are relative to the working directory.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.entries import Entry
from backend.specs.fields import name_of, path_of, prompt_of, rewrite_prompt
from backend.specs.model import Spec, SpecFormat

PATHS_FROM_FILE = False


def recognises(entry: Entry) -> bool:
    keys = entry.fields.keys()
    return "spec_id" in keys or {"prompt", "video_path"} <= keys


def read(entry: Entry, cwd: Path) -> Spec:
    return Spec(
        format=SpecFormat.UPSAMPLER_BATCH,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt_of(entry),
        video=path_of(entry, "video_path", cwd),
    )


rewrite = rewrite_prompt
