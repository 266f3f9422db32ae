"""Makes an outline that can be folded of a prompt that is a JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.results.report.marked_text import MarkedPiece, marked_lines, marked_result
from backend.results.word_diff import diff_words
from remote.protocol import Json

MOST_NODES = 1_500
"""Values of an object that are shown. Prompts of the known models have 100 to 300."""
_DEEPEST = 10
"""Levels of the outline; what lies deeper stands in one line."""
_LONGEST = 10_000
"""Characters of a value that are shown."""
_SHORT = 120
"""Characters of a list of values that stands in one line."""


@dataclass(frozen=True, slots=True)
class OutlineNode:
    """A key with its value, or with what lies below it."""

    key: str
    """The key in words, or the position in a list."""
    value: tuple[MarkedPiece, ...]
    """The value; empty when there are nodes below, or nothing is said."""
    below: tuple[OutlineNode, ...] = ()

    @property
    def count(self) -> str:
        """How many nodes are below, in words."""
        return "1 part" if len(self.below) == 1 else f"{len(self.below)} parts"


@dataclass(frozen=True, slots=True)
class _Node:
    """A node whose value is not marked yet."""

    key: str
    position: int | None = None
    """The position of its value among the texts; None where it has none."""
    below: tuple[_Node, ...] = ()


def outline_of(value: dict[str, Json], original: str) -> tuple[OutlineNode, ...]:
    """Return the outline of an object, with the words of the prompt marked in its values."""
    builder = _Builder()
    nodes = builder.children(((_in_words(key), each) for key, each in value.items()), 0)
    diff = diff_words(original, "\n".join(builder.texts))
    lines = marked_lines(marked_result(diff.result), builder.texts)
    return _with_values(nodes, lines)


class _Builder:
    """Walks through an object, and notes the texts of its values in their order."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._left = MOST_NODES

    def children(self, items: Iterable[tuple[str, Json]], depth: int) -> tuple[_Node, ...]:
        nodes: list[_Node] = []
        for key, value in items:
            self._left -= 1
            if self._left < 0:
                nodes.append(self._leaf("…", "There is more, which is not shown."))
                break
            nodes.append(self._node(key, value, depth))
        return tuple(nodes)

    def _node(self, key: str, value: Json, depth: int) -> _Node:
        if isinstance(value, list) and (short := _short_list(value)):
            return self._leaf(key, short)
        if isinstance(value, (dict, list)) and value:
            if depth >= _DEEPEST:
                return self._leaf(key, _in_one_line(value))
            return _Node(key, below=self.children(_items(value), depth + 1))
        return self._leaf(key, _said(value))

    def _leaf(self, key: str, text: str) -> _Node:
        if not text:
            return _Node(key)
        self.texts.append(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
        return _Node(key, len(self.texts) - 1)


def _with_values(
    nodes: Sequence[_Node], lines: Sequence[Sequence[MarkedPiece]]
) -> tuple[OutlineNode, ...]:
    return tuple(
        OutlineNode(
            node.key,
            () if node.position is None else tuple(lines[node.position]),
            _with_values(node.below, lines),
        )
        for node in nodes
    )


def _items(value: dict[str, Json] | list[Json]) -> Iterable[tuple[str, Json]]:
    if isinstance(value, list):
        return ((str(n), each) for n, each in enumerate(value, 1))
    return ((_in_words(key), each) for key, each in value.items())


def _in_words(key: str) -> str:
    """Return a key as people read it: "background_setting" as "background setting"."""
    return key.replace("_", " ").strip() or "(no name)"


def _said(value: Json) -> str:
    if value is None or value in ({}, []):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _short_list(value: list[Json]) -> str:
    """Return a list of a few short values in one line; empty for any other list."""
    if not value or any(each is None or isinstance(each, (dict, list)) for each in value):
        return ""
    line = ", ".join(_said(each) for each in value[:_SHORT])
    return line if len(line) <= _SHORT and len(value) <= _SHORT else ""


def _in_one_line(value: Json) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "…"
