"""Transfer2.5 spec: a prompt or `prompt_path`, a `video_path`, controls, or a block for each camera.

Keys: `name`, `prompt` or `prompt_path` (.txt, or .json whose `prompt` is meant; `prompt` wins), `video_path`,
`edge` `depth` `vis` `seg` with `control_path`, `guided_generation_mask`, `image_context_path`; multiview and
agibot: `front_wide` … `front_tele`, `head_color` `hand_left` `hand_right` with `input_path` and
`control_path`, `input_root`; plenoptic: `input_path` and `camera_sequence`. Paths are relative to the spec
file. Source: nvidia-cosmos/cosmos-transfer2.5, cosmos_transfer2/config.py, multiview_config.py,
plenoptic_config.py, robot_multiview_control_agibot_config.py. The format forbids extra keys.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.entries import Entry
from backend.specs.fields import (
    controls_of,
    first_view,
    has_control,
    has_view,
    name_of,
    path_of,
    seen_by_model,
)
from backend.specs.model import Mode, Spec, SpecFormat
from backend.specs.prompt_files import prompt_file_of, read_prompt, rewrite_prompt_or_file
from backend.specs.targets import target_of

PATHS_FROM_FILE = True


def recognises(entry: Entry) -> bool:
    fields = entry.fields
    keys = fields.keys()
    if "prompt_path" in fields or has_control(fields, frozenset({"control_path"})):
        return True
    if has_view(fields, frozenset({"input_path", "control_path"})):
        return True
    if {"input_path", "camera_sequence"} <= keys:
        return True
    # An upsampler batch entry has a "video_path", too, but also a "spec_id".
    is_ours = "video_path" in fields and "spec_id" not in fields
    return is_ours and ("prompt" in fields or has_control(fields))


def read(entry: Entry, cwd: Path) -> Spec:
    base = entry.source.place.parent
    controls = controls_of(entry.fields, "control_path", base)
    rgb = (
        path_of(entry, "video_path", base)
        or path_of(entry, "input_path", base)
        or first_view(entry.fields, "input_path", base)
        or first_view(entry.fields, "control_path", base)
    )
    mode = Mode.VIDEO2VIDEO if "camera_sequence" in entry.fields else Mode.TRANSFER
    return Spec(
        format=SpecFormat.TRANSFER25,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=read_prompt(entry),
        video=seen_by_model(rgb, controls),
        controls=controls,
        prompt_file=prompt_file_of(entry),
        target=target_of(entry.fields, mode),
    )


rewrite = rewrite_prompt_or_file
