"""Reads and writes prompts that stand in a file of their own, which the entry names as its `prompt_path`.

The path is relative to the spec file. A new prompt goes into a new text file beside the result, because
several entries may share one prompt file.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path

from backend.specs.adapter import EntryFault, LeftAlone, OutputFile, Replacement, Rewrite
from backend.specs.entries import Entry, stem_of
from backend.specs.fields import path_of, prompt_of, replace_prompt, text_of
from backend.specs.json_edit import set_member, splice
from backend.specs.json_spans import NotJson, parse
from backend.specs.model import Skipped
from backend.specs.quoting import quoted
from backend.specs.source import SourceText, load
from remote.protocol import well_formed


class JsonPrompt(Enum):
    """What a prompt file whose name ends in .json contributes."""

    ITS_PROMPT = "its member `prompt`, where it has one"
    WHOLE = "the whole object, as Python's json.dumps writes it"


def prompt_file_of(entry: Entry) -> Path | None:
    """Return the file with the entry's prompt; None where the entry itself holds it. Raises EntryFault."""
    if entry.fields.get("prompt") is not None:
        return None
    return path_of(entry, "prompt_path", entry.source.place.parent)


def refuse_both(entry: Entry) -> None:
    """Raise EntryFault for an entry with a prompt and a prompt file: tools differ in which one they take."""
    if entry.fields.get("prompt") is not None and entry.fields.get("prompt_path") is not None:
        raise EntryFault('only one of "prompt" and "prompt_path" may be given', "prompt_path")


def read_prompt(entry: Entry, means: JsonPrompt = JsonPrompt.ITS_PROMPT) -> str:
    """Return the prompt of the entry or of its prompt file. Raises EntryFault and LeftAlone."""
    file = prompt_file_of(entry)
    if file is None:
        if "prompt_path" in entry.fields and "prompt" not in entry.fields:
            raise LeftAlone('a template: its "prompt_path" is empty')
        if entry.fields.get("prompt", "") is None:
            raise LeftAlone("a template: it has no prompt")
        return prompt_of(entry)
    source = _load(file)
    if file.suffix.lower() != ".json":
        return source.text.strip()
    return _json_prompt(source, means)


def rewrite_prompt_or_file(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    """Return the changes that put the new prompt into the entry, or into a text file beside the result."""
    prompt_file = prompt_file_of(entry)
    if prompt_file is None:
        return Rewrite(tuple(replace_prompt(entry, new)))
    beside = destination.with_suffix(".txt")
    if entry.default_name != stem_of(entry.source.file):
        beside = destination.with_name(f"{destination.stem}-{entry.index + 1}.txt")
    edits = set_member(entry.source, entry.node, "prompt_path", beside.name)
    return Rewrite(tuple(edits), (OutputFile(beside, _new_text(prompt_file, new)),))


def new_prompt_text(prompt_file: Path, prompt: str) -> str:
    """Return the text of a prompt file with another prompt in it. Raises EntryFault.

    Of a JSON file with a member `prompt`, that member changes; any other one holds the prompt as a whole.
    """
    source = _load(prompt_file)
    if prompt_file.suffix.lower() == ".json":
        try:
            root = parse(source.text)
        except (NotJson, RecursionError):
            root = None
        if root is not None and isinstance(root.value, dict) and "prompt" in root.value:
            return source.mark + splice(source.text, set_member(source, root, "prompt", prompt))
    return _with_text(source, prompt)


def _json_prompt(source: SourceText, means: JsonPrompt) -> str:
    try:
        value = parse(source.text).value
    except (NotJson, RecursionError):
        if means is JsonPrompt.ITS_PROMPT:
            return source.text.strip()
        name = quoted(source.file.name)
        raise EntryFault(f'"prompt_path" {name} is not JSON', "prompt_path") from None
    if means is JsonPrompt.WHOLE:
        return json.dumps(json.loads(source.text))  # `parse` reads all numbers as floats
    if isinstance(value, dict) and "prompt" in value:
        label = f'"prompt" of {quoted(source.file.name)}'
        return text_of(value["prompt"], "prompt_path", label)
    return source.text.strip()


def _load(file: Path) -> SourceText:
    loaded = load(file, Path())
    if isinstance(loaded, SourceText):
        return loaded
    why = loaded.reason if isinstance(loaded, Skipped) else loaded.problem
    raise EntryFault(f'"prompt_path" {quoted(file.name)}: {why}', "prompt_path")


def _new_text(prompt_file: Path, new: Replacement) -> str:
    if prompt_file.suffix.lower() == ".json":
        return well_formed(new.prompt) + "\n"
    return _with_text(_load(prompt_file), new.prompt)


def _with_text(source: SourceText, prompt: str) -> str:
    """Return the text with another prompt, and the white space around it as it was."""
    before, _, after = source.text.partition(source.text.strip())
    return source.mark + before + well_formed(prompt) + after
