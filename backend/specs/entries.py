"""Divides a file into entries, one for each prompt.

A file is one JSON or YAML object, an object of named samples, a list of objects, one object on each line, or
plain text. This module does not know the file formats; `formats` recognises them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path

from backend.specs.json_spans import Member, Node, NotJson, items, member, members, parse
from backend.specs.model import BrokenSpec, Skipped
from backend.specs.quoting import kind_of
from backend.specs.source import SourceText, TextLine, lines
from backend.specs.tables import TABLE_SUFFIXES
from remote.protocol import Json, well_formed

YAML_SUFFIXES = frozenset({".yaml", ".yml"})
SUFFIXES = frozenset({".json", ".jsonl", ".txt", *YAML_SUFFIXES, *TABLE_SUFFIXES})
"""File name endings, in lower case, of files that may contain prompts."""


MOST_ENTRIES = 500_000
"""The most prompts of one file. A file of 64 MiB can hold four million, which would take gigabytes."""

_YAML_PROMPT = re.compile(r"^[ \t]*[\"']?prompt(?:_path)?[\"']?[ \t]*:", re.MULTILINE)


class Layout(Enum):
    """The way in which a file contains its entries."""

    OBJECT = "object"
    MAPPING = "mapping"
    """One object, written as YAML. No key can be added to it."""
    SAMPLES = "samples"
    """An object whose member `samples` holds an object for each prompt, under the prompt's name."""
    ARRAY = "array"
    LINES = "lines"
    PROSE = "prose"


@dataclass(frozen=True, slots=True)
class Entry:
    """The part of a file that contains one prompt."""

    source: SourceText
    index: int
    """Position in the file, from 0. Broken parts are counted, too."""
    node: Node
    """A JSON value; in plain text, the prompt itself."""
    default_name: str
    """The name of the prompt where the entry contains no name."""
    outer: Node | None = None
    """The object that contains all samples, in a file of samples; None elsewhere."""

    @property
    def fields(self) -> dict[str, Json]:
        """The members of the entry's JSON object. Empty where the entry is not an object."""
        return self.node.value if isinstance(self.node.value, dict) else {}

    @property
    def line(self) -> int:
        """The line on which the entry starts, from 1."""
        return self.source.line_at(self.node.start)

    def member(self, key: str) -> Member | None:
        """Return the member for `key`, with its position in the text."""
        if not isinstance(self.node.value, dict):
            return None
        return member(self.source.text, self.node, key)


@dataclass(frozen=True, slots=True)
class Contents:
    """The entries of a file."""

    layout: Layout
    parts: tuple[Entry | BrokenSpec, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The parts that are not broken."""
        return tuple(part for part in self.parts if isinstance(part, Entry))


def divide(source: SourceText) -> Contents | Skipped | BrokenSpec:
    """Find the entries of a file whose name ends in one of SUFFIXES. At most MOST_ENTRIES are taken."""
    try:
        return _divide(source)
    except _TooMany:
        return BrokenSpec(
            source.file, 1, f"more than {MOST_ENTRIES:,} prompts: divide it into several files"
        )


class _TooMany(Exception):
    """A file has more than MOST_ENTRIES entries."""


def _bounded(layout: Layout, parts: Iterable[Entry | BrokenSpec]) -> Contents:
    """Take the parts of a file. Raises _TooMany."""
    taken = tuple(islice(parts, MOST_ENTRIES + 1))
    if len(taken) > MOST_ENTRIES:
        raise _TooMany
    return Contents(layout, taken)


def _divide(source: SourceText) -> Contents | Skipped | BrokenSpec:
    suffix = source.file.suffix.lower()
    if suffix == ".txt":
        return _bounded(Layout.PROSE, _prose(source))
    if suffix == ".jsonl":
        return _bounded(Layout.LINES, _json_lines(source))
    if suffix in YAML_SUFFIXES:
        parsed = _parse_yaml(source)
        return (
            _divide_object(source, parsed, Layout.MAPPING) if isinstance(parsed, Node) else parsed
        )
    root = _parse(source, 0, len(source.text))
    if isinstance(root, BrokenSpec):
        is_lines = _is_json_lines(source)
        return _bounded(Layout.LINES, _json_lines(source)) if is_lines else root
    if isinstance(root.value, list):
        nodes = items(source.text, root)
        return _bounded(Layout.ARRAY, (_numbered(source, i, n) for i, n in enumerate(nodes)))
    return _divide_object(source, root, Layout.OBJECT)


def _divide_object(source: SourceText, root: Node, layout: Layout) -> Contents | Skipped:
    if not isinstance(root.value, dict):
        what = kind_of(root.value)
        return Skipped(source.file, f"not a prompt spec: it holds {what}, not an object")
    samples = member(source.text, root, "samples") if "prompt" not in root.value else None
    if samples is not None and isinstance(samples.node.value, dict):
        return _bounded(Layout.SAMPLES, _samples(source, root, samples.node))
    return Contents(layout, (Entry(source, 0, root, stem_of(source.file)),))


def blank_lines(text: str) -> list[TextLine]:
    """Return the blank lines of a text."""
    return [line for line in lines(text) if not text[line.start : line.end].strip()]


def stem_of(file: Path) -> str:
    """Return the file's name without its ending. Bytes that are not UTF-8 become U+FFFD."""
    return well_formed(file.stem)


def _numbered(source: SourceText, index: int, node: Node) -> Entry:
    return Entry(source, index, node, f"{stem_of(source.file)}-{index + 1}")


def _parse(source: SourceText, start: int, end: int) -> Node | BrokenSpec:
    try:
        return parse(source.text, start, end)
    except NotJson as error:
        column = source.column_at(error.position)
        return source.broken(error.position, f"not JSON: {error.problem} (column {column})")
    except RecursionError:
        return source.broken(start, "not a prompt spec: the JSON is nested too deeply")


def _parse_yaml(source: SourceText) -> Node | Skipped | BrokenSpec:
    """Parse a YAML file. Folders are full of YAML for other tools, so what does not mention a prompt is not.

    What cannot be parsed is broken where a line begins with a key of prompt specs, and skipped elsewhere.
    """
    if "prompt" not in source.text:
        return Skipped(source.file, "not a prompt spec: it mentions no prompt")
    from backend.specs.yaml_spans import parse_yaml

    try:
        return parse_yaml(source.text)
    except NotJson as error:
        if _YAML_PROMPT.search(source.text) is None:
            return Skipped(
                source.file, f"not a prompt spec: not YAML that is read: {error.problem}"
            )
        column = source.column_at(error.position)
        return source.broken(
            error.position, f"not YAML that is read: {error.problem} (column {column})"
        )


def _json_lines(source: SourceText) -> Iterator[Entry | BrokenSpec]:
    full = (line for line in lines(source.text) if source.text[line.start : line.end].strip())
    for index, line in enumerate(full):
        node = _parse(source, line.start, line.end)
        yield node if isinstance(node, BrokenSpec) else _numbered(source, index, node)


def _is_json_lines(source: SourceText) -> bool:
    """Whether the first of several lines is an object of its own. Some tools call such a file .json."""
    full = (line for line in lines(source.text) if source.text[line.start : line.end].strip())
    first, second = next(full, None), next(full, None)
    if first is None or second is None:
        return False
    node = _parse(source, first.start, first.end)
    return isinstance(node, Node) and isinstance(node.value, dict)


def _samples(source: SourceText, root: Node, samples: Node) -> Iterator[Entry]:
    for index, each in enumerate(members(source.text, samples)):
        yield Entry(source, index, each.node, well_formed(each.key), root)


def _prose(source: SourceText) -> Iterator[Entry]:
    """Divide a plain text: each line is a prompt, but a text with blank lines is one prompt."""
    text = source.text
    full = [_stripped(text, line) for line in lines(text) if text[line.start : line.end].strip()]
    first, last = full[0].start, full[-1].end
    if len(full) > 1 and not blank_lines(text[first:last]):
        for index, node in enumerate(full):
            yield _numbered(source, index, node)
    else:
        yield Entry(source, 0, Node(text[first:last], first, last), stem_of(source.file))


def _stripped(text: str, line: TextLine) -> Node:
    whole = text[line.start : line.end]
    start = line.start + len(whole) - len(whole.lstrip())
    prompt = whole.strip()
    return Node(prompt, start, start + len(prompt))
