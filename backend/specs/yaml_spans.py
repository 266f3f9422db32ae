"""Finds the positions of values in a YAML text, as `json_spans` does for JSON. Edits keep the rest of it.

The text may be anybody's: tags are refused, an alias stands for the one value that is read at its anchor, and
how many values all aliases together stand for is bounded. Only the events of ruamel.yaml's pure parser are
used, which build no objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.specs.json_spans import Member, Node, NotJson, YamlParts
from remote.protocol import Json

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

MOST_CHARACTERS = 1 << 18
"""The longest text that is read. The parser takes 0.3 to 2.5 s for 100,000 characters."""
MOST_VALUES = 20_000
"""The most values of a text; and the most that one value consists of, with all that aliases stand for."""
MOST_DEPTH = 60
"""The deepest nesting."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MERGE = "<<"


def parse_yaml(text: str) -> Node:
    """Parse a text of one YAML document. Raises NotJson."""
    if len(text) > MOST_CHARACTERS:
        raise NotJson(f"more than {MOST_CHARACTERS >> 10} KiB of YAML; use .jsonl", 0)
    return _Builder(text).document()


@dataclass(frozen=True, slots=True)
class _Built:
    """A node and the number of values in it, with those that aliases stand for."""

    node: Node
    values: int
    is_scalar: bool


class _Builder:
    """Makes nodes of the parser's events."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._anchors: dict[str, _Built] = {}
        self._events = _events(text)
        self._read = 0

    def document(self) -> Node:
        """Return the value of the only document."""
        from ruamel.yaml.error import YAMLError
        from ruamel.yaml.events import DocumentStartEvent, StreamEndEvent

        try:
            next(self._events)  # the beginning of the stream
            if not isinstance(next(self._events), DocumentStartEvent):
                raise NotJson("an empty document", 0)
            node = self._value(next(self._events), 0).node
            next(self._events)  # the end of the document
            after = next(self._events)
        except (YAMLError, ValueError, RecursionError) as error:
            raise _not_yaml(error) from None
        if not isinstance(after, StreamEndEvent):
            raise NotJson("several documents in one file", after.start_mark.index)
        return node

    def _value(self, event: Event, depth: int) -> _Built:
        from ruamel.yaml.events import (
            AliasEvent,
            MappingStartEvent,
            ScalarEvent,
            SequenceStartEvent,
        )

        start = event.start_mark.index
        self._read += 1
        if depth > MOST_DEPTH or self._read > MOST_VALUES:
            raise NotJson("nested too deeply, or too many values", start)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if event.tag is not None:  # type: ignore[attr-defined]
            raise NotJson("a tag (!), which is not read", start)
        if isinstance(event, ScalarEvent):
            built = self._scalar(event)
        elif isinstance(event, SequenceStartEvent):
            built = self._sequence(start, depth)
        elif isinstance(event, MappingStartEvent):
            built = self._mapping(start, depth)
        else:
            raise NotJson("no value", start)
        if event.anchor is not None:
            self._anchors[event.anchor] = built
        return built

    def _scalar(self, event: object) -> _Built:
        from ruamel.yaml.events import ScalarEvent

        assert isinstance(event, ScalarEvent)  # noqa: S101 - as `_value` found
        start = event.start_mark.index
        # A block's end is the beginning of the next token; blank lines and comments are not of it.
        end = start + len(self._text[start : event.end_mark.index].rstrip())
        value = str(event.value)
        is_plain = event.style is None
        return self._built(
            Node(_plain(value) if is_plain else value, start, end, YamlParts()), 1, True
        )

    def _alias(self, event: Event) -> _Built:
        start = event.start_mark.index
        target = self._anchors.get(event.anchor)  # type: ignore[attr-defined]
        if target is None:
            raise NotJson("an alias without an anchor before it", start)
        if target.is_scalar:
            # A new prompt at the anchor would change what the alias stands for.
            raise NotJson("an alias of a single value: write it out", start)
        node = Node(target.node.value, start, event.end_mark.index, YamlParts())
        return self._built(node, target.values, False)

    def _sequence(self, start: int, depth: int) -> _Built:
        from ruamel.yaml.events import SequenceEndEvent

        items: list[Node] = []
        values = 1
        while not isinstance(event := next(self._events), SequenceEndEvent):
            built = self._value(event, depth + 1)
            items.append(built.node)
            values += built.values
        value: Json = [item.value for item in items]
        end = event.end_mark.index
        return self._built(Node(value, start, end, YamlParts(items=tuple(items))), values, False)

    def _mapping(self, start: int, depth: int) -> _Built:
        from ruamel.yaml.events import MappingEndEvent

        members: list[Member] = []
        merged: dict[str, Json] = {}
        values = 1
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._value(event, depth + 1).node
            built = self._value(next(self._events), depth + 1)
            values += built.values
            name = self._text[key.start : key.end] if not isinstance(key.value, str) else key.value
            if name == _MERGE:
                merged = {**_members_of(built.node.value), **merged}
            else:
                members.append(Member(name, key.start, key.end, built.node))
        value: Json = {**merged, **{member.key: member.node.value for member in members}}
        end = event.end_mark.index
        return self._built(Node(value, start, end, YamlParts(tuple(members))), values, False)

    def _built(self, node: Node, values: int, is_scalar: bool) -> _Built:
        if values > MOST_VALUES:
            raise NotJson("aliases that stand for too many values", node.start)
        return _Built(node, values, is_scalar)


def _events(text: str) -> Iterator[Event]:
    from ruamel.yaml import YAML

    yield from YAML(typ="safe", pure=True).parse(text)


def _plain(text: str) -> Json:
    """Return the value of a text without quotes. Numbers become floats, as in `json_spans`."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return float(text) if _NUMBER.fullmatch(text) else text


def _members_of(value: Json) -> dict[str, Json]:
    """Return what a merge key contributes: an object, or a list of objects of which the first ones win."""
    if isinstance(value, list):
        found: dict[str, Json] = {}
        for each in value:
            found = {**_members_of(each), **found}
        return found
    return value if isinstance(value, dict) else {}


def _not_yaml(error: Exception) -> NotJson:
    from ruamel.yaml.error import MarkedYAMLError

    if isinstance(error, NotJson):
        return error
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        return NotJson(str(error.problem), error.problem_mark.index)
    return NotJson("the text cannot be read as YAML", 0)
