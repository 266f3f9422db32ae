"""Reads one file into Specs. It never raises for the content of a file; problems are part of the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from backend.specs.adapter import Adapter, EntryFault
from backend.specs.entries import SUFFIXES, Contents, Entry, Layout, divide
from backend.specs.formats import recognise
from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.quoting import kind_of, quoted
from backend.specs.source import SourceText, load

Finding = Spec | Skipped | BrokenSpec
"""The result for a file, or for one entry of it."""

SIDECAR_SUFFIX = ".upsample.json"
"""The file name ending of sidecar files, which tell how a result was made."""

_KEYS_SHOWN = 5


def read_file(file: Path, cwd: Path) -> tuple[Finding, ...]:
    """Read `file` and return a finding for each entry, in the order of the file. Never empty."""
    if file.name.lower().endswith(SIDECAR_SUFFIX):
        return (Skipped(file, "tells how a result was made"),)
    if file.suffix.lower() not in SUFFIXES:
        return (Skipped(file, "its name does not end in .json, .jsonl or .txt"),)
    source = load(file, cwd)
    if not isinstance(source, SourceText):
        return (source,)
    try:
        contents = divide(source)
        if not isinstance(contents, Contents):
            return (contents,)
        adapter = recognise(contents)
        return tuple(_read_parts(contents, adapter, cwd) if adapter else _unknown(source, contents))
    except RecursionError:
        # The depth that the decoder can handle depends on the depth of the call stack.
        return (BrokenSpec(file, 1, "not a prompt spec: the JSON is nested too deeply"),)


def _read_parts(contents: Contents, adapter: Adapter, cwd: Path) -> Iterator[Finding]:
    for part in contents.parts:
        yield part if isinstance(part, BrokenSpec) else _read_entry(part, adapter, cwd)


def _read_entry(entry: Entry, adapter: Adapter, cwd: Path) -> Spec | BrokenSpec:
    try:
        return adapter.read(entry, cwd)
    except EntryFault as fault:
        member = entry.member(fault.key) if fault.key else None
        position = member.key_start if member else entry.node.start
        return entry.source.broken(position, fault.problem)


def _unknown(source: SourceText, contents: Contents) -> Iterator[Skipped | BrokenSpec]:
    entries = contents.entries
    if entries:
        yield Skipped(
            source.file, f"not a prompt spec: {_unknown_entry(contents.layout, entries[0])}"
        )
    elif contents.parts:
        # No line is JSON. One error, for the first line, is enough.
        yield from (part for part in contents.parts[:1] if isinstance(part, BrokenSpec))
    else:
        yield Skipped(source.file, "not a prompt spec: the list is empty")


def _unknown_entry(layout: Layout, entry: Entry) -> str:
    what = "it" if layout is Layout.OBJECT else "its first entry"
    if not isinstance(entry.node.value, dict):
        return f"{what} is {kind_of(entry.node.value)}, not an object"
    keys = list(entry.fields)
    if not keys:
        return f"{what} is an empty object"
    if layout is not Layout.LINES and "visual_input" in keys:
        return f"{what} belongs on a line of a Transfer1 batch, whose name ends in .jsonl"
    shown = ", ".join(quoted(key) for key in keys[:_KEYS_SHOWN])
    more = f" and {len(keys) - _KEYS_SHOWN} more" if len(keys) > _KEYS_SHOWN else ""
    return f"the keys of {what} belong to no format: {shown}{more}"
