"""Puts new prompts into the text of a spec file. Every byte that need not change stays the same.

This module writes no files. The caller writes what `render` returns, and decides about existing files.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from backend.errors import InputError
from backend.specs.adapter import EntryFault, LeftAlone, OutputFile, Replacement, Rewrite
from backend.specs.entries import Contents, Entry, Layout, blank_lines, divide
from backend.specs.formats import prompt_spec, recognise
from backend.specs.json_edit import Edit, splice
from backend.specs.json_spans import Node
from backend.specs.model import BrokenSpec
from backend.specs.moved_paths import move_paths
from backend.specs.prompt_files import prompt_file_of
from backend.specs.quoting import printable
from backend.specs.reading import read_entry
from backend.specs.source import SourceText, load
from backend.specs.tables import is_table
from backend.specs.tables.rendering import render_table

__all__ = ["OutputFile", "Replacement", "embeds_provenance", "render"]


def render(
    file: Path, replacements: Mapping[int, Replacement], destination: Path
) -> tuple[OutputFile, ...]:
    """Return the files with the new prompts: first the spec for `destination`, then files that it refers to.

    `replacements` are keyed by the entry's index; other entries stay as they are. `file` must be absolute or
    relative to the process's working directory. Raises InputError when the file can no longer be read, or
    no longer contains the prompts that were upsampled.
    """
    if is_table(file):
        return (render_table(file, replacements, destination),)
    try:
        source, contents = _open(file)
        edits: list[Edit] = []
        beside: list[OutputFile] = []
        for index, new in replacements.items():
            changes = _rewrite(contents, index, new, destination, file)
            edits += changes.edits
            beside += changes.files
        edits += _moves(source, contents, destination.parent, replacements.keys())
    except RecursionError:
        raise _changed(file, "is nested too deeply") from None
    if contents.layout is Layout.LINES:
        # A blank line crashes Transfer1.
        edits += (Edit(line.start, line.after, "") for line in blank_lines(source.text))
    return (OutputFile(destination, source.mark + splice(source.text, edits)), *beside)


def embeds_provenance(file: Path) -> bool:
    """Whether `render` writes provenance into the file. Where it does not, a sidecar file is needed.

    Raises InputError when the file is no longer a spec.
    """
    if is_table(file):
        return False
    _, contents = _open(file)
    first = contents.entries[0]
    is_prompt_spec = recognise(first, contents.layout) is prompt_spec
    return is_prompt_spec and prompt_spec.has_place_for_provenance(first)


def _open(file: Path) -> tuple[SourceText, Contents]:
    source = load(file, Path())
    if not isinstance(source, SourceText):
        why = source.problem if isinstance(source, BrokenSpec) else source.reason
        raise _changed(file, f"is no longer a prompt spec: {why}")
    contents = divide(source)
    if not isinstance(contents, Contents):
        why = contents.problem if isinstance(contents, BrokenSpec) else contents.reason
        raise _changed(file, f"is no longer a prompt spec: {why}")
    if not any(recognise(entry, contents.layout) for entry in contents.entries):
        raise _changed(file, "is no longer a prompt spec")
    return source, contents


def _moves(
    source: SourceText, contents: Contents, folder: Path, rewritten: Collection[int]
) -> list[Edit]:
    """Return the edits that make relative paths right for a file in `folder`.

    They are made for entries without a new prompt, too. The prompt files of `rewritten` entries are new ones.
    """
    nodes: dict[int, Node] = {}
    taken: set[int] = set()
    for entry in contents.entries:
        adapter = recognise(entry, contents.layout)
        if adapter is None or not adapter.PATHS_FROM_FILE:
            continue
        node = entry.outer or entry.node
        nodes[node.start] = node
        prompt_path = entry.member("prompt_path") if entry.index in rewritten else None
        if prompt_path is not None and prompt_file_of(entry) is not None:
            taken.add(prompt_path.node.start)
    moves = (edit for node in nodes.values() for edit in move_paths(source, node, folder))
    return [edit for edit in moves if edit.start not in taken]


def _rewrite(
    contents: Contents,
    index: int,
    new: Replacement,
    destination: Path,
    file: Path,
) -> Rewrite:
    part = contents.parts[index] if 0 <= index < len(contents.parts) else None
    adapter = recognise(part, contents.layout) if isinstance(part, Entry) else None
    if not isinstance(part, Entry) or adapter is None:
        raise _changed(file, f"has no prompt at entry {index + 1} any more")
    try:
        if read_entry(part, adapter, Path()).prompt != new.original:
            raise _changed(file, f"has another prompt now (line {part.line})")
        return adapter.rewrite(part, new, destination)
    except (EntryFault, LeftAlone) as fault:
        raise _changed(file, f"can no longer be used: {fault} (line {part.line})") from None


def _changed(file: Path, what: str) -> InputError:
    return InputError(
        f"{printable(str(file))} {what}",
        "The file was changed after its prompt was upsampled. Restore it, or upsample it again.",
    )
