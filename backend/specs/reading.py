"""Reads one file into Specs. It never raises for the content of a file; problems are part of the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from backend.specs.adapter import Adapter, EntryFault, LeftAlone
from backend.specs.entries import SUFFIXES, Contents, Entry, Layout, divide
from backend.specs.formats import recognise
from backend.specs.media_names import named_media
from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.quoting import kind_of, quoted
from backend.specs.source import SourceText, load
from backend.specs.tables import is_table
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns
from backend.specs.tables.reading import read_table
from backend.specs.upsampled import is_json_object

Finding = Spec | Skipped | BrokenSpec
"""The result for a file, or for one entry of it."""

SIDECAR_SUFFIX = ".upsample.json"
"""The file name ending of sidecar files, which tell how a result was made."""

_KINDS = ".json, .jsonl, .yaml, .txt, .csv, .tsv or .parquet"
_KEYS_SHOWN = 5
_ONE_ENTRY = (Layout.OBJECT, Layout.MAPPING)


def read_in_parts(
    file: Path, cwd: Path, columns: WantedColumns = ANY_COLUMNS
) -> Iterable[tuple[Finding, ...]]:
    """Read `file` as `read_file` does, and return the findings in parts: those of a table as it is read.

    `columns` are the columns of tables as the user names them.
    """
    return read_table(file, cwd, columns) if is_table(file) else (read_file(file, cwd),)


def read_file(file: Path, cwd: Path) -> tuple[Finding, ...]:
    """Read `file` and return a finding for each entry, in the order of the file. Never empty."""
    if file.name.lower().endswith(SIDECAR_SUFFIX):
        return (Skipped(file, "tells how a result was made"),)
    if is_table(file):
        return tuple(chain.from_iterable(read_table(file, cwd)))
    if file.suffix.lower() not in SUFFIXES:
        return (Skipped(file, f"its name does not end in {_KINDS}"),)
    source = load(file, cwd)
    if not isinstance(source, SourceText):
        return (source,)
    try:
        contents = divide(source)
        if not isinstance(contents, Contents):
            return (contents,)
        return tuple(_read_parts(source, contents, cwd))
    except RecursionError:
        # The depth that the decoder can handle depends on the depth of the call stack.
        return (BrokenSpec(file, 1, "not a prompt spec: the JSON is nested too deeply"),)


def read_entry(entry: Entry, adapter: Adapter, cwd: Path) -> Spec:
    """Read an entry with its adapter. Raises EntryFault and LeftAlone.

    An entry that names media is never read as one without a picture.
    """
    spec = adapter.read(entry, cwd)
    if spec.video is None and (named := named_media(entry.fields)) is not None:
        of = "".join(f" of {quoted(key)}" for key in reversed(named.keys[:-1]))
        raise EntryFault(
            f"{quoted(named.key)}{of} names {quoted(named.text)}, which would not be looked at",
            named.keys[0],
        )
    if entry.node.yaml is not None and "prompt" in entry.fields and entry.member("prompt") is None:
        raise EntryFault("its prompt stands elsewhere in the file: write it out in the entry")
    says_so = entry.fields.get("is_upsampled") is True
    if not spec.is_upsampled and (says_so or is_json_object(spec.prompt)):
        return replace(spec, is_upsampled=True)
    if not spec.prompt.strip() and spec.video is None and not spec.is_upsampled:
        raise LeftAlone("a template: its prompt is empty, and no video is named")
    return spec


def _read_parts(source: SourceText, contents: Contents, cwd: Path) -> Iterator[Finding]:
    adapters = {entry.index: recognise(entry, contents.layout) for entry in contents.entries}
    if not any(adapters.values()):
        yield from _unknown(source, contents)
        return
    for part in contents.parts:
        if isinstance(part, BrokenSpec):
            yield part
        elif (adapter := adapters[part.index]) is not None:
            yield _read_part(part, adapter, contents.layout, cwd)
        else:
            yield source.broken(part.node.start, _unknown_entry(part, "it"))


def _read_part(entry: Entry, adapter: Adapter, layout: Layout, cwd: Path) -> Finding:
    try:
        return read_entry(entry, adapter, cwd)
    except EntryFault as fault:
        member = entry.member(fault.key) if fault.key else None
        position = member.key_start if member else entry.node.start
        return entry.source.broken(position, fault.problem)
    except LeftAlone as left:
        place = "" if layout in _ONE_ENTRY else f"line {entry.line}: "
        return Skipped(entry.source.file, f"{place}{left}", entry.index)


def _unknown(source: SourceText, contents: Contents) -> Iterator[Skipped | BrokenSpec]:
    entries = contents.entries
    if entries:
        what = "it" if contents.layout in _ONE_ENTRY else "its first entry"
        yield Skipped(source.file, f"not a prompt spec: {_unknown_entry(entries[0], what)}")
    elif contents.parts:
        # No line is JSON. One error, for the first line, is enough.
        yield from (part for part in contents.parts[:1] if isinstance(part, BrokenSpec))
    else:
        yield Skipped(source.file, "not a prompt spec: the list is empty")


def _unknown_entry(entry: Entry, what: str) -> str:
    if not isinstance(entry.node.value, dict):
        return f"{what} is {kind_of(entry.node.value)}, not an object"
    keys = list(entry.fields)
    if not keys:
        return f"{what} is an empty object"
    shown = ", ".join(quoted(key) for key in keys[:_KEYS_SHOWN])
    more = f" and {len(keys) - _KEYS_SHOWN} more" if len(keys) > _KEYS_SHOWN else ""
    return f"the keys of {what} belong to no format: {shown}{more}"
