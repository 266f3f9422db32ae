"""Finds the positions of values in a YAML text, as `json_spans` does for JSON. Edits keep the rest of it.

The text may be anybody's: tags are refused, an alias stands for the one value that is read at its anchor, and
how many values all aliases together stand for is bounded. Only the events of the parsers are used, which
build no objects.

PyYAML takes long to import: import this module where a YAML file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.specs.json_spans import Member, Node, NotJson, YamlParts
from backend.specs.yaml_events import Event, NotYaml, full_events, quick_events
from remote.protocol import Json

MOST_CHARACTERS = 1 << 18
"""The longest text that is read. ruamel.yaml's parser takes 0.3 to 2.5 s for 100,000 characters."""
MOST_VALUES = 20_000
"""The most values of a text; and the most that one value consists of, with all that aliases stand for."""
MOST_DEPTH = 60
"""The deepest nesting."""

_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MERGE = "<<"
_BLOCKS = frozenset({"|", ">"})
_NO_PARTS = YamlParts()
_Built = tuple[Node, int]
"""A node, and the number of values in it, with those that aliases stand for."""


def parse_yaml(text: str) -> Node:
    """Parse a text of one YAML document. Raises NotJson."""
    if len(text) > MOST_CHARACTERS:
        raise NotJson(f"more than {MOST_CHARACTERS >> 10} KiB of YAML; use .jsonl", 0)
    if (quick := quick_events(text)) is not None:
        try:
            return parse_events(text, quick)
        except NotYaml:
            pass  # to the parser that decides
    try:
        return parse_events(text, full_events(text))
    except NotYaml as refused:
        raise NotJson(str(refused), refused.position) from None


def parse_events(text: str, events: Iterator[Event]) -> Node:
    """Make nodes of the events of a text. Raises NotJson, and NotYaml where the parser does."""
    return _Builder(text, events).document()


class _Builder:
    """Makes nodes of a parser's events."""

    def __init__(self, text: str, events: Iterator[Event]) -> None:
        self._text = text
        self._anchors: dict[str, _Built] = {}
        self._events = events
        self._read = 0

    def document(self) -> Node:
        """Return the value of the only document."""
        next(self._events)  # the beginning of the stream
        if _kind(next(self._events)) != "DocumentStartEvent":
            raise NotJson("an empty document", 0)
        node, _ = self._value(next(self._events), 0)
        next(self._events)  # the end of the document
        after = next(self._events)
        if _kind(after) != "StreamEndEvent":
            raise NotJson("several documents in one file", after.start_mark.index)
        return node

    def _value(self, event: Event, depth: int) -> _Built:
        start = event.start_mark.index
        self._read += 1
        if depth > MOST_DEPTH or self._read > MOST_VALUES:
            raise NotJson("nested too deeply, or too many values", start)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event)
        if event.tag is not None:
            raise NotJson("a tag (!), which is not read", start)
        if kind == "ScalarEvent":
            built = self._scalar(event, start), 1
        elif kind == "SequenceStartEvent":
            built = self._sequence(start, depth)
        else:
            built = self._mapping(start, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = built
        return built

    def _scalar(self, event: Event, start: int) -> Node:
        value, end = event.value, event.end_mark.index
        if not event.style:
            return Node(_plain(value), start, end, _NO_PARTS)
        if event.style in _BLOCKS:
            # Its end is the beginning of the next token; blank lines and comments are not of it.
            end = start + len(self._text[start:end].rstrip(" \t\r\n"))
        return Node(value, start, end, _NO_PARTS)

    def _alias(self, event: Event) -> _Built:
        start = event.start_mark.index
        node, values = self._anchors.get(event.anchor or "", (None, 0))
        if node is None:
            raise NotJson("an alias without an anchor before it", start)
        if not isinstance(node.value, (dict, list)):
            # A new prompt at the anchor would change what the alias stands for.
            raise NotJson("an alias of a single value: write it out", start)
        return _bounded(Node(node.value, start, event.end_mark.index, _NO_PARTS), values)

    def _sequence(self, start: int, depth: int) -> _Built:
        items: list[Node] = []
        values = 1
        while _kind(event := next(self._events)) != "SequenceEndEvent":
            node, count = self._value(event, depth + 1)
            items.append(node)
            values += count
        value: Json = [item.value for item in items]
        parts = YamlParts(items=tuple(items))
        return _bounded(Node(value, start, event.end_mark.index, parts), values)

    def _mapping(self, start: int, depth: int) -> _Built:
        members: list[Member] = []
        merged: dict[str, Json] = {}
        values = 1
        while _kind(event := next(self._events)) != "MappingEndEvent":
            key, _ = self._value(event, depth + 1)
            node, count = self._value(next(self._events), depth + 1)
            values += count
            name = key.value if isinstance(key.value, str) else self._text[key.start : key.end]
            if name == _MERGE:
                merged = {**_members_of(node.value), **merged}
            else:
                members.append(Member(name, key.start, key.end, node))
        value: Json = {**merged, **{member.key: member.node.value for member in members}}
        parts = YamlParts(tuple(members))
        return _bounded(Node(value, start, event.end_mark.index, parts), values)


def _kind(event: Event) -> str:
    return type(event).__name__


def _bounded(node: Node, values: int) -> _Built:
    if values > MOST_VALUES:
        raise NotJson("aliases that stand for too many values", node.start)
    return node, values


def _plain(text: str) -> Json:
    """Return the value of a text without quotes. Numbers become floats, as in `json_spans`."""
    if text in _WORDS:
        return _WORDS[text]
    return float(text) if _NUMBER.fullmatch(text) else text


def _members_of(value: Json) -> dict[str, Json]:
    """Return what a merge key contributes: an object, or a list of objects of which the first ones win."""
    if isinstance(value, list):
        found: dict[str, Json] = {}
        for each in value:
            found = {**_members_of(each), **found}
        return found
    return value if isinstance(value, dict) else {}
