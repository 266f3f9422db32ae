"""Predict2.5 spec: `inference_type`, a prompt or `prompt_path`, and an `input_path`.

Keys: `inference_type` (text2world, image2world, video2world), `name`, `prompt` or `prompt_path`,
`input_path`, `negative_prompt`, `num_output_frames`, `resolution`; an older form has the prompts in
`samples: {name: {prompt or prompt_path, input_path}}`; multiview has `front_wide` … with `video_path`.
Paths are relative to the spec file. Source: nvidia-cosmos/cosmos-predict2.5, cosmos_predict2/config.py.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.adapter import EntryFault
from backend.specs.entries import Entry
from backend.specs.fields import KEYS_FROM_CWD, first_view, has_view, name_of, path_of
from backend.specs.model import Mode, Spec, SpecFormat
from backend.specs.prompt_files import (
    prompt_file_of,
    read_prompt,
    refuse_both,
    rewrite_prompt_or_file,
)
from backend.specs.quoting import quoted
from backend.specs.targets import target_of
from remote.protocol import Json

PATHS_FROM_FILE = True

_MODES = {
    "text2world": Mode.TEXT2VIDEO,
    "image2world": Mode.IMAGE2VIDEO,
    "video2world": Mode.VIDEO2VIDEO,
}
_WITH_MEDIA = frozenset({"image2world", "video2world"})


def recognises(entry: Entry) -> bool:
    fields = entry.fields
    keys = fields.keys()
    # Transfer2.5's plenoptic specs have an "input_path", too.
    if "camera_sequence" in keys or keys & KEYS_FROM_CWD:
        return False
    has_prompt = bool(keys & {"prompt", "prompt_path"})
    return (
        "inference_type" in keys
        or has_view(fields, frozenset({"video_path"}))
        or ("input_path" in keys and has_prompt)
        or (entry.outer is not None and (has_prompt or "input_path" in keys))
    )


def read(entry: Entry, cwd: Path) -> Spec:
    refuse_both(entry)
    base = entry.source.place.parent
    video = path_of(entry, "input_path", base) or first_view(entry.fields, "video_path", base)
    fields = {**_around(entry), **entry.fields}
    kind = fields.get("inference_type")
    kind = kind if isinstance(kind, str) else ""
    if video is None and kind in _WITH_MEDIA:
        raise EntryFault(f'{quoted(kind)} needs an "input_path", and none is named')
    return Spec(
        format=SpecFormat.PREDICT25,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=read_prompt(entry),
        video=video,
        prompt_file=prompt_file_of(entry),
        target=target_of(fields, _MODES.get(kind), "num_output_frames"),
    )


rewrite = rewrite_prompt_or_file


def _around(entry: Entry) -> dict[str, Json]:
    """Return the members of the object around the samples, which hold for each of them."""
    around = entry.outer.value if entry.outer is not None else None
    return around if isinstance(around, dict) else {}
