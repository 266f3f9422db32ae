"""Changes to spec files: a prompt is edited in its place, and a spec is copied to a file of its own.

What is written is recorded as a composition is, so that it can be undone in the same way. Every byte that
need not change stays the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from backend.compose.pattern import MOST_NAME_BYTES
from backend.compose.record import Recorder, RecordKind
from backend.errors import InputError, ResultError
from backend.files import write_whole
from backend.files.new_files import put_new
from backend.files.without_links import open_folder
from backend.specs.adapter import EntryFault, LeftAlone, OutputFile, Replacement
from backend.specs.entries import Contents, Entry, Layout, divide
from backend.specs.fields import replace_prompt
from backend.specs.formats import prompt_spec, recognise
from backend.specs.json_edit import Edit, set_member, splice
from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.specs.prompt_files import new_prompt_text
from backend.specs.quoting import printable, without_controls
from backend.specs.reading import read_entry
from backend.specs.source import SourceText, load
from backend.specs.tables import is_table
from remote.protocol import well_formed

_COPIED = frozenset({Layout.OBJECT, Layout.MAPPING, Layout.ARRAY, Layout.LINES, Layout.PROSE})
"""The layouts of which one entry can stand in a file of its own."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that was written."""

    file: Path
    record: Path
    """The record by which it can be undone."""


def edit_prompt(spec: Spec, prompt: str, cwd: Path) -> Changed:
    """Write another prompt into the spec's file, or into the text that holds its prompt. Blocks.

    Raises InputError where the file was changed meanwhile or cannot be edited in this way, and ResultError
    where it cannot be written.
    """
    if not prompt.strip():
        raise InputError("a prompt has words", "Type some, or close with Esc.")
    if why := why_not_edited(spec):
        raise InputError(f"the prompt of {printable(spec.name)} {why}", "E opens the file itself.")
    made = _edited(spec, prompt, cwd)
    # What a link leads to is edited, as an editor does.
    place = Path(os.path.realpath(made.path))
    try:
        before = place.read_bytes()
        with open_folder(place.parent) as folder:
            recorder = Recorder(place.parent, cwd, RecordKind.EDITED)
            try:
                recorder.note(place.name, made.data, before)
                write_whole(place, made.data, folder=folder)
            finally:
                recorder.close(is_empty=False)
    except OSError as error:
        raise _unwritable(place, error) from error
    return Changed(place, recorder.file)


def why_not_edited(spec: Spec) -> str:
    """Return why a prompt cannot be edited in its place, as the end of a sentence; empty where it can."""
    if is_table(spec.file):
        return "stands in a table"
    if spec.written_prompt is not None:
        return "is the short one, beside another that is upsampled"
    if without_controls(spec.prompt) != spec.prompt:
        return "holds characters that steer a terminal"
    is_object = spec.prompt_file is not None and spec.prompt_file.suffix.lower() == ".json"
    return "is a JSON file" if is_object and spec.format is SpecFormat.COSMOS3 else ""


def duplicate(spec: Spec, cwd: Path) -> Changed:
    """Copy a spec into a new file beside its own, under the next free name. Blocks.

    Its own name, where it has one, becomes that of the file. Raises InputError and ResultError.
    """
    if is_table(spec.file):
        raise _no_copy(spec, "a row of a table")
    contents, entry = _entry_of(spec, cwd)
    if contents.layout not in _COPIED:
        raise _no_copy(spec, "a sample of a larger file")
    file = cwd / spec.file
    stem = file.stem if len(contents.parts) == 1 else f"{file.stem}-{spec.entry + 1}"
    try:
        with open_folder(Path(os.path.realpath(file.parent))) as folder:
            name = _free_name(stem, file.suffix, folder)
            data = _copied(contents, entry, Path(name).stem).encode()
            recorder = Recorder(Path(os.path.realpath(file.parent)), cwd, RecordKind.EDITED)
            try:
                recorder.note(name, data)
                put_new(name, data, folder)
            finally:
                recorder.close(is_empty=False)
    except OSError as error:
        raise _unwritable(file, error) from error
    return Changed(file.with_name(name), recorder.file)


def _edited(spec: Spec, prompt: str, cwd: Path) -> OutputFile:
    """Return the file with the new prompt."""
    contents, entry = _entry_of(spec, cwd)
    adapter = recognise(entry, contents.layout)
    try:
        if adapter is None or read_entry(entry, adapter, cwd).prompt != spec.prompt:
            raise _meanwhile(spec)
        if spec.prompt_file is not None:
            return OutputFile(cwd / spec.prompt_file, new_prompt_text(spec.prompt_file, prompt))
        if adapter is prompt_spec:
            # Its adapter would note that the prompt is upsampled.
            edits: Sequence[Edit] = replace_prompt(entry, Replacement(prompt, spec.prompt))
        else:
            new = Replacement(prompt, spec.prompt)
            edits = adapter.rewrite(entry, new, entry.source.place).edits
    except (EntryFault, LeftAlone):
        raise _meanwhile(spec) from None
    source = entry.source
    return OutputFile(source.place, source.mark + splice(source.text, edits))


def _entry_of(spec: Spec, cwd: Path) -> tuple[Contents, Entry]:
    """Return the file of a spec as it is now, and its entry. Raises InputError."""
    source = load(spec.file, cwd)
    contents = divide(source) if isinstance(source, SourceText) else source
    if isinstance(contents, Skipped | BrokenSpec):
        raise _meanwhile(spec)
    entry = contents.parts[spec.entry] if spec.entry < len(contents.parts) else None
    if not isinstance(entry, Entry):
        raise _meanwhile(spec)
    return contents, entry


def _copied(contents: Contents, entry: Entry, name: str) -> str:
    """Return the text of a file with this entry alone."""
    source = entry.source
    edits = set_member(source, entry.node, "name", name) if "name" in entry.fields else []
    if len(contents.parts) == 1:
        return source.mark + splice(source.text, edits)
    start, end = entry.node.start, entry.node.end
    moved = [Edit(edit.start - start, edit.end - start, edit.text) for edit in edits]
    text = splice(source.text[start:end], moved)
    return f"[\n{text}\n]\n" if contents.layout is Layout.ARRAY else f"{text}\n"


def _free_name(stem: str, suffix: str, folder: int) -> str:
    """Return the first of STEM-2, STEM-3 … that is no file of the folder yet."""
    start = well_formed(stem).encode()[: MOST_NAME_BYTES - 8].decode(errors="ignore")
    for number in count(2):
        name = f"{start}-{number}{suffix}"
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            break
    return name


def _no_copy(spec: Spec, what: str) -> InputError:
    return InputError(
        f"{printable(spec.name)} is {what}, which is not copied to a file of its own",
        "Copy it in the file itself: E opens it. Or compose it anew: C.",
    )


def _meanwhile(spec: Spec) -> InputError:
    return InputError(
        f"{printable(str(spec.file))} was changed meanwhile", "Look at it again, and try once more."
    )


def _unwritable(place: Path, error: OSError) -> ResultError:
    return ResultError(
        f"{printable(str(place))} cannot be written: {error.strerror}", "Nothing was changed."
    )
