"""Cosmos 3 spec: `model_mode`, `prompt` or `prompt_path`, `vision_path`, and controls for a transfer.

Keys: `name`, `model_mode` (text2image, text2video, image2image, image2video, video2video; other modes take no
prompt of this kind), `prompt` (text, or a JSON object as a string), `prompt_path` (.txt, or .json whose whole
object is the prompt), `vision_path`, the controls `edge` `blur` `depth` `seg` `wsm` with `control_path`,
`resolution`, `aspect_ratio`, `num_frames`, `fps`, `negative_prompt_file`, `defaults_file`, `extra`. A missing
mode follows from `vision_path` and `num_frames`. Paths are relative to the spec file, or addresses.
Source: NVIDIA/cosmos-framework, cosmos_framework/inference/args.py. Its parser refuses unknown keys, so we
never add one. Where `prompt` is upsampled already, `extra.prompt` holds the short one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from backend.specs.adapter import EntryFault, LeftAlone, Replacement, Rewrite
from backend.specs.entries import Entry
from backend.specs.fields import (
    KEYS_FROM_CWD,
    controls_of,
    name_of,
    path_of,
    seen_by_model,
    text_of,
)
from backend.specs.json_edit import set_member
from backend.specs.model import Mode, Spec, SpecFormat, Target
from backend.specs.prompt_files import (
    JsonPrompt,
    prompt_file_of,
    read_prompt,
    refuse_both,
    rewrite_prompt_or_file,
)
from backend.specs.quoting import kind_of, quoted
from backend.specs.targets import mode_by_media, refuse_blind_transfer, target_of
from backend.specs.upsampled import is_json_object

PATHS_FROM_FILE = True

_CONTROLS = ("edge", "blur", "depth", "seg", "wsm")
_MODES = frozenset(mode.value for mode in Mode if mode is not Mode.TRANSFER)
_OWN_KEYS = frozenset({"model_mode", "vision_path"})
_OWN_KEYS_BESIDE_A_PROMPT = frozenset(
    {"aspect_ratio", "num_frames", "negative_prompt_file", "enable_sound", "shift"}
)
_SCENARIO_ALONE: Final = {"num_frames": 101, "fps": 10}
_KEYS_OF_OTHERS = KEYS_FROM_CWD | {"input_path", "video_path", "inference_type"}


def recognises(entry: Entry) -> bool:
    fields = entry.fields
    keys = fields.keys()
    if keys & _KEYS_OF_OTHERS:
        return False
    controls = {name: it for name in _CONTROLS if isinstance(it := fields.get(name), dict)}
    # Transfer2.5 calls a control's weight "control_weight".
    has_own_control = bool(controls.keys() & {"blur", "wsm"}) or any(
        "weight" in it for it in controls.values()
    )
    has_prompt = bool(keys & {"prompt", "prompt_path"})
    return (
        bool(keys & _OWN_KEYS)
        or has_own_control
        or (has_prompt and bool(keys & _OWN_KEYS_BESIDE_A_PROMPT))
    )


def read(entry: Entry, cwd: Path) -> Spec:
    mode = _mode_of(entry)
    fields, base = entry.fields, entry.source.place.parent
    refuse_both(entry)
    written = read_prompt(entry, JsonPrompt.WHOLE)
    short = _short_prompt(entry) if is_json_object(written) else None
    own = {name: fields[name] for name in _CONTROLS if name in fields}
    found = controls_of(own, "control_path", base)
    controls = {name: found[name] for name in _CONTROLS if name in found}
    video = seen_by_model(path_of(entry, "vision_path", base), controls)
    if video is None and mode.startswith(("image", "video")):
        raise EntryFault(f"{mode} needs a picture or video, and none is named", "model_mode")
    target = _target(entry, mode)
    refuse_blind_transfer(target, written, video)
    return Spec(
        format=SpecFormat.COSMOS3,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=written if short is None else short,
        video=video,
        controls=controls,
        is_upsampled=is_json_object(written),
        prompt_file=prompt_file_of(entry),
        written_prompt=None if short is None else written,
        target=target,
    )


def rewrite(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    made = rewrite_prompt_or_file(entry, new, destination)
    if not new.negative_prompt or entry.fields.get("negative_prompt_file"):
        return made  # the generator takes one of both alone
    negative = set_member(entry.source, entry.node, "negative_prompt", new.negative_prompt)
    return Rewrite((*made.edits, *negative), made.files)


def _mode_of(entry: Entry) -> str:
    """Return the mode that the entry names; empty where it follows from the other keys."""
    mode = entry.fields.get("model_mode")
    if mode is None:
        return ""
    if not isinstance(mode, str):
        raise EntryFault(f'"model_mode" must be text, not {kind_of(mode)}', "model_mode")
    if mode not in _MODES:
        raise LeftAlone(f"the mode {quoted(mode)} makes no picture or video of a prompt alone")
    return mode


def _target(entry: Entry, mode: str) -> Target:
    """Return what is to be made. A world scenario alone has a length of its own where none is written."""
    fields = entry.fields
    controls = [name for name in _CONTROLS if isinstance(fields.get(name), dict)]
    if controls:
        defaults = _SCENARIO_ALONE if controls == ["wsm"] else {}
        said = {key: value for key, value in fields.items() if value is not None}
        return target_of({**defaults, **said}, Mode.TRANSFER)
    target = target_of(fields)
    source = fields.get("vision_path") or None
    by_media = mode_by_media(source if isinstance(source, str) else None, target.num_frames == 1)
    return replace(target, mode=Mode(mode) if mode else by_media)


def _short_prompt(entry: Entry) -> str | None:
    extra = entry.fields.get("extra")
    short = extra.get("prompt") if isinstance(extra, dict) else None
    return text_of(short, "extra", '"prompt" of "extra"') if isinstance(short, str) else None
