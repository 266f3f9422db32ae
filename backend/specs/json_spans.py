"""Finds the positions of values in a JSON text. Messages name lines by them, and edits replace single values.

`yaml_spans` makes the same nodes of YAML.

The standard decoder parses each value. Nodes and members are tuples, which are made in a third of the time:
a file has many. `members` and `items` must be given a node that `parse`, `members` or
`items` returned, because they expect valid JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, cast

from remote.protocol import Json

# No code computes with the numbers. As floats, they may have any number of digits.
_DECODER = json.JSONDecoder(parse_int=float)
_SPACE = re.compile(r"[ \t\n\r]*")


class NotJson(Exception):
    """The text is not JSON, or not YAML. `position` is where the decoder stopped."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.position = position


class Node(NamedTuple):
    """A value, and its position in the text: from `start` up to `end`."""

    value: Json
    start: int
    end: int
    yaml: YamlParts | None = None
    """What a YAML value consists of; None for a JSON value, which is looked at again when it is asked for."""


class YamlParts(NamedTuple):
    """The members of a YAML mapping, or the items of a sequence, that stand at that place of the text.

    An alias has none: its parts stand at its anchor.
    """

    members: tuple[Member, ...] = ()
    items: tuple[Node, ...] = ()


class Member(NamedTuple):
    """One key of an object with its value. Where a key occurs twice, the last one counts."""

    key: str
    key_start: int
    key_end: int
    node: Node


def parse(text: str, start: int = 0, end: int | None = None) -> Node:
    """Parse `text[start:end]`, which must be one JSON value with optional white space around it.

    Raises NotJson, and RecursionError when the value is nested too deeply.
    """
    part = text[start:end]
    try:
        node = _node_at(part, _skip_space(part, 0))
    except json.JSONDecodeError as error:
        raise NotJson(error.msg, start + error.pos) from None
    rest = _skip_space(part, node.end)
    if rest != len(part):
        raise NotJson("More text follows the JSON value", start + rest)
    return Node(node.value, start + node.start, start + node.end)


def members(text: str, node: Node) -> Iterator[Member]:
    """Yield the members of an object, in the order of the text."""
    if node.yaml is not None:
        yield from node.yaml.members
        return
    position = _skip_space(text, node.start + 1)
    while text[position] != "}":
        key = _node_at(text, position)
        colon = _skip_space(text, key.end)
        value = _node_at(text, _skip_space(text, colon + 1))
        yield Member(cast(str, key.value), key.start, key.end, value)
        position = _next_part(text, value.end)


def items(text: str, node: Node) -> Iterator[Node]:
    """Yield the items of an array, in the order of the text."""
    if node.yaml is not None:
        yield from node.yaml.items
        return
    position = _skip_space(text, node.start + 1)
    while text[position] != "]":
        item = _node_at(text, position)
        yield item
        position = _next_part(text, item.end)


def member(text: str, node: Node, key: str) -> Member | None:
    """Return the last member of an object with this key, or None."""
    found = None
    for each in members(text, node):
        if each.key == key:
            found = each
    return found


def _node_at(text: str, position: int) -> Node:
    value, end = _DECODER.raw_decode(text, position)
    return Node(cast(Json, value), position, end)


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _next_part(text: str, position: int) -> int:
    """Return the position of the next member or item, or of the closing bracket."""
    position = _skip_space(text, position)
    return _skip_space(text, position + 1) if text[position] == "," else position
