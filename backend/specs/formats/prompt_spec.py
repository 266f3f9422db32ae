"""PromptSpec JSON: one prompt with its id and history.

Keys: `id`, `name`, `prompt`, `negative_prompt`, `input_video_path`, `control_inputs: {name: path}`,
`is_upsampled`, `parent_prompt_text`, `metadata`. Paths are relative to the working directory.
"""

from __future__ import annotations

from pathlib import Path

from backend.specs.adapter import EntryFault, Replacement, Rewrite
from backend.specs.entries import Entry
from backend.specs.fields import (
    name_of,
    named_paths,
    path_of,
    prompt_of,
    replace_prompt,
    seen_by_model,
)
from backend.specs.json_edit import Edit, set_member
from backend.specs.model import Mode, Spec, SpecFormat
from backend.specs.targets import target_of

PATHS_FROM_FILE = False

_OWN_KEYS = frozenset({"is_upsampled", "control_inputs", "parent_prompt_text"})


def recognises(entry: Entry) -> bool:
    """Whether the entry has keys that a Transfer1 spec has not. An "id" alone is not enough."""
    keys = entry.fields.keys()
    return bool(keys & _OWN_KEYS) or ("id" in keys and bool(keys & {"prompt", "input_video_path"}))


def read(entry: Entry, cwd: Path) -> Spec:
    if "prompt" not in entry.fields:
        raise EntryFault('the entry has no "prompt"')
    controls = named_paths(entry, "control_inputs", cwd)
    return Spec(
        format=SpecFormat.PROMPT_SPEC,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt_of(entry),
        video=seen_by_model(path_of(entry, "input_video_path", cwd), controls),
        controls=controls,
        is_upsampled=entry.fields.get("is_upsampled") is True,
        target=target_of(entry.fields, Mode.TRANSFER if controls else None),
    )


def rewrite(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    edits = [
        *replace_prompt(entry, new),
        *set_member(entry.source, entry.node, "is_upsampled", True),
        *set_member(entry.source, entry.node, "parent_prompt_text", new.original),
        *_embed_provenance(entry, new),
    ]
    return Rewrite(tuple(edits))


def has_place_for_provenance(entry: Entry) -> bool:
    """Whether the entry has a `metadata` object. Some versions of the format do not allow that key."""
    return isinstance(entry.fields.get("metadata"), dict)


def _embed_provenance(entry: Entry, new: Replacement) -> list[Edit]:
    metadata = entry.member("metadata")
    if new.provenance is None or metadata is None or not has_place_for_provenance(entry):
        return []
    return set_member(entry.source, metadata.node, "upsample", dict(new.provenance))
