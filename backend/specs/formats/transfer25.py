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
    CONTROLS,
    VIEWS,
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
from backend.specs.targets import refuse_blind_transfer, target_of

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
    video = seen_by_model(rgb, controls)
    prompt = read_prompt(entry)
    target = target_of(entry.fields, _mode_of(entry))
    refuse_blind_transfer(target, prompt, video)
    return Spec(
        format=SpecFormat.TRANSFER25,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt,
        video=video,
        controls=controls,
        prompt_file=prompt_file_of(entry),
        target=target,
    )


rewrite = rewrite_prompt_or_file


def _mode_of(entry: Entry) -> Mode | None:
    """Return the mode; None for an entry that names a prompt file and says nothing of what is to be made."""
    fields = entry.fields
    if "camera_sequence" in fields:
        return Mode.VIDEO2VIDEO
    names = (*CONTROLS, *VIEWS)
    is_transfer = "video_path" in fields or any(isinstance(fields.get(n), dict) for n in names)
    return Mode.TRANSFER if is_transfer else None
