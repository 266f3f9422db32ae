"""Transfer1 control spec: a prompt, a video, and an object for each control.

Keys: `prompt`, `input_video_path`, and the controls `vis` `edge` `seg` `depth` `keypoint` `upscale` `hdmap`
`lidar` with `input_control` (a path, or a list of one for each camera, of which the first is shown). A spec
without a prompt is a template: the prompt comes from the command line or from a batch. Paths are relative to
the working directory. Transfer1 raises an error for an object that is not a control, so we never add a key.
Source: nvidia-cosmos/cosmos-transfer1, assets/inference_*.json.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.entries import Entry
from backend.specs.fields import (
    CONTROLS,
    controls_of,
    has_control,
    name_of,
    path_of,
    prompt_of,
    rewrite_prompt,
    seen_by_model,
)
from backend.specs.model import Mode, Spec, SpecFormat
from backend.specs.targets import target_of

PATHS_FROM_FILE = False


def recognises(entry: Entry) -> bool:
    fields = entry.fields
    if "input_video_path" in fields or has_control(fields):
        return True
    # A control may be {}: Transfer1 then uses its defaults.
    return "prompt" in fields and any(isinstance(fields.get(name), dict) for name in CONTROLS)


def read(entry: Entry, cwd: Path) -> Spec:
    controls = controls_of(entry.fields, "input_control", cwd)
    return Spec(
        format=SpecFormat.TRANSFER1,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt_of(entry),
        video=seen_by_model(path_of(entry, "input_video_path", cwd), controls),
        controls=controls,
        target=target_of(entry.fields, Mode.TRANSFER),
    )


rewrite = rewrite_prompt
