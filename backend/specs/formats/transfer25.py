"""Transfer2.5 spec: like a Transfer1 spec, but paths are relative to the spec file.

The format forbids extra keys. The prompt is in the spec or in a text file that the spec names. A prompt in
the spec wins, as in Transfer2.5.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from backend.specs.adapter import EntryFault, OutputFile, Replacement, Rewrite
from backend.specs.entries import Entry
from backend.specs.fields import (
    CONTROLS,
    controls_of,
    has_control,
    is_relative,
    name_of,
    path_of,
    prompt_of,
    replace_prompt,
    seen_by_model,
)
from backend.specs.json_edit import Edit, set_value
from backend.specs.json_spans import Node, members
from backend.specs.model import Skipped, Spec, SpecFormat
from backend.specs.quoting import quoted, well_formed
from backend.specs.source import SourceText, load


def recognises(entry: Entry) -> bool:
    fields = entry.fields
    if "prompt_path" in fields or has_control(fields, frozenset({"control_path"})):
        return True
    # An upsampler batch entry has a "video_path", too, but also a "spec_id".
    is_ours = "video_path" in fields and "spec_id" not in fields
    return is_ours and ("prompt" in fields or has_control(fields))


def read(entry: Entry, cwd: Path) -> Spec:
    base = entry.source.place.parent
    controls = controls_of(entry.fields, "control_path", base)
    prompt_file = _prompt_file(entry)
    return Spec(
        format=SpecFormat.TRANSFER25,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=name_of(entry),
        prompt=prompt_of(entry) if prompt_file is None else _load_prompt(prompt_file).text.strip(),
        video=seen_by_model(path_of(entry, "video_path", base), controls),
        controls=controls,
        prompt_file=prompt_file,
    )


def rewrite(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    edits = list(_move_paths(entry, destination.parent))
    prompt_file = _prompt_file(entry)
    if prompt_file is None:
        return Rewrite((*replace_prompt(entry, new), *edits))
    # The name comes from the new spec, because two specs may share one prompt file.
    beside = destination.with_suffix(".txt")
    member = entry.member("prompt_path")
    if member is not None:
        edits += set_value(entry.source, entry.node, member, beside.name)
    return Rewrite(tuple(edits), (OutputFile(beside, _new_text(prompt_file, new)),))


def _prompt_file(entry: Entry) -> Path | None:
    if entry.fields.get("prompt") is not None:
        return None
    return path_of(entry, "prompt_path", entry.source.place.parent)


def _load_prompt(file: Path) -> SourceText:
    loaded = load(file, Path())
    if isinstance(loaded, SourceText):
        return loaded
    why = loaded.reason if isinstance(loaded, Skipped) else loaded.problem
    raise EntryFault(f'"prompt_path" {quoted(file.name)}: {why}', "prompt_path")


def _new_text(prompt_file: Path, new: Replacement) -> str:
    source = _load_prompt(prompt_file)
    old = source.text.strip()
    before, _, after = source.text.partition(old)
    return source.mark + before + well_formed(new.prompt) + after


def _move_paths(entry: Entry, folder: Path) -> Iterator[Edit]:
    """Yield the edits that make relative paths, resolved from `folder`, name the same files as before."""
    here = entry.source.place.parent.resolve()
    there = folder.resolve()
    if here == there:
        return
    yield from _move_paths_of(entry.source, entry.node, here, there)
    for name in CONTROLS:
        control = entry.member(name)
        if control is not None and isinstance(control.node.value, dict):
            yield from _move_paths_of(entry.source, control.node, here, there)


def _move_paths_of(source: SourceText, parent: Node, here: Path, there: Path) -> Iterator[Edit]:
    for member in members(source.text, parent):
        written = member.node.value
        if not member.key.endswith("_path") or member.key == "prompt_path":
            continue
        if isinstance(written, str) and written and is_relative(written):
            moved = os.path.relpath(here / written.replace("\\", "/"), there)
            yield from set_value(source, parent, member, Path(moved).as_posix())
