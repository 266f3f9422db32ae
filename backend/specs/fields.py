"""Reads prompt, name and paths from a JSON object, and checks them. The adapters of JSON formats use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from backend.specs.adapter import EntryFault, Replacement, Rewrite
from backend.specs.entries import Entry
from backend.specs.json_edit import Edit, set_value
from backend.specs.quoting import kind_of, quoted, well_formed
from remote.protocol import Json

CONTROLS = ("vis", "edge", "seg", "depth", "keypoint", "upscale", "hdmap", "lidar")
"""Transfer1's controls. Where an RGB video is missing, the video of the first control here replaces it."""

CONTROL_KEYS = frozenset({"control_weight", "input_control", "control_path", "control_prompt"})
"""Keys by which a control is told from another object that is named "depth" by chance."""

_ABSOLUTE = re.compile(r"([A-Za-z]:)?[/\\]")


def prompt_of(entry: Entry, *, may_be_empty: bool = False) -> str:
    """Return the prompt as written. Raises EntryFault where there is none."""
    if not isinstance(entry.node.value, dict):
        raise EntryFault(f"an entry must be an object, not {kind_of(entry.node.value)}")
    if "prompt" not in entry.fields:
        raise EntryFault('the entry has no "prompt"')
    prompt = entry.fields["prompt"]
    if not isinstance(prompt, str):
        raise EntryFault(f'"prompt" must be text, not {kind_of(prompt)}', "prompt")
    if not is_well_formed(prompt):
        raise EntryFault('"prompt" holds half of a surrogate pair, which is no character', "prompt")
    if not prompt.strip() and not may_be_empty:
        raise EntryFault('"prompt" is empty', "prompt")
    return prompt


def name_of(entry: Entry) -> str:
    """Return the entry's own name where it is usable, else a name made from the file's."""
    name = entry.fields.get("name")
    if isinstance(name, str) and name.strip() and is_well_formed(name):
        return name
    return entry.default_name


def path_of(entry: Entry, key: str, base: Path) -> Path | None:
    """Return the path under `key`, resolved from `base`; None where the entry has none."""
    return _path(entry.fields.get(key), base, key, quoted(key))


def controls_of(
    controls: Mapping[str, Json], path_key: str, base: Path, key: str = ""
) -> dict[str, Path]:
    """Return the control videos by control name. Each control is an object with its path under `path_key`.

    `key` is the member that contains the controls, where they are not members of the entry itself.
    """
    found = {}
    for name in CONTROLS:
        control = controls.get(name)
        if isinstance(control, dict):
            label = f"{quoted(path_key)} of {quoted(name)}"
            path = _path(control.get(path_key), base, key or name, label)
            if path is not None:
                found[name] = path
    return found


def named_paths(entry: Entry, key: str, base: Path) -> dict[str, Path]:
    """Return the paths in the object under `key`, by name."""
    value = entry.fields.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise EntryFault(f"{quoted(key)} must be an object, not {kind_of(value)}", key)
    paths = ((name, _path(path, base, key, quoted(name))) for name, path in value.items())
    return {well_formed(name): path for name, path in paths if path is not None}


def seen_by_model(rgb: Path | None, controls: Mapping[str, Path]) -> Path | None:
    """Return the RGB video, or else the control video that Transfer1's pipeline shows to the model."""
    if rgb is not None:
        return rgb
    return next((controls[name] for name in CONTROLS if name in controls), None)


def has_control(fields: Mapping[str, Json], keys: frozenset[str] = CONTROL_KEYS) -> bool:
    """Whether one of the controls is an object that has one of `keys`."""
    controls = (fields.get(name) for name in CONTROLS)
    return any(isinstance(control, dict) and keys & control.keys() for control in controls)


def replace_prompt(entry: Entry, new: Replacement) -> list[Edit]:
    """Return the edits that put the new prompt into the entry's "prompt"."""
    member = entry.member("prompt")
    return set_value(entry.source, entry.node, member, new.prompt) if member else []


def rewrite_prompt(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    """Return the changes for a format in which nothing but the "prompt" is rewritten."""
    return Rewrite(tuple(replace_prompt(entry, new)))


def is_relative(written: str) -> bool:
    """Whether a path from a file is relative, by the rules of POSIX and of Windows."""
    return _ABSOLUTE.match(written) is None


def is_well_formed(text: str) -> bool:
    """Whether a text contains no lone surrogate. A text with one can be neither stored nor sent."""
    return text.isascii() or text == well_formed(text)


def _path(written: Json, base: Path, key: str, label: str) -> Path | None:
    if written is None or written == "":
        return None
    if not isinstance(written, str):
        raise EntryFault(f"{label} must be a path, not {kind_of(written)}", key)
    if "\0" in written or not is_well_formed(written):
        raise EntryFault(f"{label} is no path: {quoted(written)}", key)
    path = Path(written.replace("\\", "/"))
    return base / path if is_relative(written) else path
