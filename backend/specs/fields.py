"""What the JSON formats have in common: reading prompt, name and paths out of an object, with checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from backend.specs.adapter import EntryFault, Replacement
from backend.specs.entries import Entry
from backend.specs.json_edit import Edit, set_value
from backend.specs.quoting import kind_of, quoted, well_formed
from remote.protocol import Json

CONTROLS = ("vis", "edge", "seg", "depth", "keypoint", "upscale", "hdmap", "lidar")
"""Transfer1's controls, in the order in which their video stands in for a missing RGB video."""

CONTROL_KEYS = frozenset({"control_weight", "input_control", "control_path", "control_prompt"})
"""Keys that tell a control from any other object that happens to be called "depth"."""

_ABSOLUTE = re.compile(r"([A-Za-z]:)?[/\\]")


def prompt_of(entry: Entry, *, may_be_empty: bool = False) -> str:
    """The prompt as written. Raises Fault where there is none."""
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
    """The entry's own name if it has a usable one, else one made from the file's."""
    name = entry.fields.get("name")
    if isinstance(name, str) and name.strip() and is_well_formed(name):
        return name
    return entry.default_name


def path_of(entry: Entry, key: str, base: Path) -> Path | None:
    """The path under `key`, seen from `base`; None where the entry names none."""
    return _path(entry.fields.get(key), base, key, quoted(key))


def controls_of(
    controls: Mapping[str, Json], path_key: str, base: Path, key: str = ""
) -> dict[str, Path]:
    """Control videos by name, each an object that may name its video under `path_key`.

    `key` is the member that holds all of them, if they are not members of the entry.
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
    """The object under `key`, whose members are all paths."""
    value = entry.fields.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise EntryFault(f"{quoted(key)} must be an object, not {kind_of(value)}", key)
    paths = ((name, _path(path, base, key, quoted(name))) for name, path in value.items())
    return {well_formed(name): path for name, path in paths if path is not None}


def seen_by_model(rgb: Path | None, controls: Mapping[str, Path]) -> Path | None:
    """The RGB video, or the control video that Transfer1's pipeline would show instead."""
    if rgb is not None:
        return rgb
    return next((controls[name] for name in CONTROLS if name in controls), None)


def has_control(fields: Mapping[str, Json], keys: frozenset[str] = CONTROL_KEYS) -> bool:
    """Whether one of the controls is there as an object that has one of `keys`."""
    controls = (fields.get(name) for name in CONTROLS)
    return any(isinstance(control, dict) and keys & control.keys() for control in controls)


def replace_prompt(entry: Entry, new: Replacement) -> list[Edit]:
    """The edits that put the new prompt into the entry's "prompt"."""
    member = entry.member("prompt")
    return set_value(entry.source, entry.node, member, new.prompt) if member else []


def is_relative(written: str) -> bool:
    """Whether a path from a file needs a folder to start from, on the system that it was made for."""
    return _ABSOLUTE.match(written) is None


def is_well_formed(text: str) -> bool:
    """False where half a surrogate pair stands alone: no such text can be stored or sent."""
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
