"""Reads prompt, name and paths from a JSON object, and checks them. The adapters of JSON formats use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backend.addresses import is_address, path_of_address
from backend.specs.adapter import EntryFault, LeftAlone, Replacement, Rewrite
from backend.specs.entries import Entry
from backend.specs.json_edit import Edit, set_member, set_value
from backend.specs.media_names import is_absolute
from backend.specs.quoting import kind_of, quoted
from remote.protocol import Json, well_formed

CONTROLS = (
    *("vis", "edge", "blur", "seg", "depth", "keypoint", "upscale", "hdmap", "lidar", "wsm"),
)
"""The controls of all formats. Where an RGB video is missing, the video of the first control here replaces
it, in the order of Transfer1."""

VIEWS = (
    *("front_wide", "cross_left", "cross_right", "rear_left", "rear_right", "rear", "front_tele"),
    *("head_color", "hand_left", "hand_right"),
)
"""The cameras of multiview specs. The video of the first one here is shown."""

_CONTROL_NAMES = frozenset(CONTROLS)
_VIEW_NAMES = frozenset(VIEWS)

KEYS_FROM_CWD = frozenset({"input_video_path", "visual_input", "input_video"})
"""Keys of the video in formats whose paths are relative to the working directory."""

CONTROL_KEYS = frozenset({"control_weight", "input_control", "control_path", "control_prompt"})
"""Keys by which a control is told from another object that is named "depth" by chance."""


def prompt_of(entry: Entry) -> str:
    """Return the prompt as written; it may be empty. Raises EntryFault and LeftAlone."""
    if not isinstance(entry.node.value, dict):
        raise EntryFault(f"an entry must be an object, not {kind_of(entry.node.value)}")
    if "prompt" not in entry.fields:
        raise LeftAlone("a template: it has no prompt")
    return text_of(entry.fields["prompt"], "prompt", quoted_key("prompt"))


def text_of(value: Json, key: str, label: str) -> str:
    """Return the prompt under `key`. Raises EntryFault where it is none."""
    if not isinstance(value, str):
        raise EntryFault(f"{label} must be text, not {kind_of(value)}", key)
    if not is_well_formed(value):
        raise EntryFault(f"{label} holds half of a surrogate pair, which is no character", key)
    return value


def quoted_key(key: str) -> str:
    """Return a key in double quotes, as it stands in a file."""
    return f'"{key}"'


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
            path = _path(_first_view(control.get(path_key)), base, key or name, label)
            if path is not None:
                found[name] = path
    return found


def first_view(fields: Mapping[str, Json], path_key: str, base: Path) -> Path | None:
    """Return the path under `path_key` of the first camera that has one; None where none has."""
    for name in VIEWS:
        view = fields.get(name)
        if isinstance(view, dict):
            label = f"{quoted(path_key)} of {quoted(name)}"
            path = _path(view.get(path_key), base, name, label)
            if path is not None:
                return path
    return None


def has_view(fields: Mapping[str, Json], keys: frozenset[str]) -> bool:
    """Whether one of the cameras is an object that has one of `keys`."""
    if _VIEW_NAMES.isdisjoint(fields):  # a large batch asks this for each line
        return False
    views = (fields.get(name) for name in VIEWS)
    return any(isinstance(view, dict) and bool(keys & view.keys()) for view in views)


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
    if _CONTROL_NAMES.isdisjoint(fields):
        return False
    controls = (fields.get(name) for name in CONTROLS)
    return any(isinstance(control, dict) and keys & control.keys() for control in controls)


def replace_prompt(entry: Entry, new: Replacement) -> list[Edit]:
    """Return the edits that put the new prompt into the entry's "prompt"."""
    member = entry.member("prompt")
    if member is None:
        return set_member(entry.source, entry.node, "prompt", new.prompt)
    return set_value(entry.source, entry.node, member, new.prompt)


def rewrite_prompt(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    """Return the changes for a format in which nothing but the "prompt" is rewritten."""
    return Rewrite(tuple(replace_prompt(entry, new)))


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
    if is_address(written):
        return path_of_address(written)
    path = written.replace("\\", "/")
    # What is not absolute stands below `base`, also a "~" that nobody expands.
    return Path(path) if is_absolute(written) else base / path


def _first_view(written: Json) -> Json:
    """Return the first of a list of views, of which one is shown; another value as it is."""
    return written[0] if isinstance(written, list) and written else written
