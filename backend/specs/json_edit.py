"""Changes single values of a JSON or YAML text in its own layout, and leaves every other byte as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from backend.specs.json_spans import Member, Node, members
from backend.specs.quoting import json_spelled
from backend.specs.source import SourceText
from remote.protocol import Json

_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_NOT_IN_YAML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the part of a text from `start` up to `end` by `text`."""

    start: int
    end: int
    text: str


def splice(text: str, edits: Iterable[Edit]) -> str:
    """Apply all edits to `text`. Edits must not overlap. Insertions at one position keep their order."""
    parts = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


def set_member(source: SourceText, parent: Node, key: str, value: Json) -> list[Edit]:
    """Return the edits that set `key` of the object `parent`. A new key is added as the last one."""
    present = list(members(source.text, parent))
    same = [member for member in present if member.key == key]
    if same:
        return set_value(source, parent, same[-1], value)
    if not present:
        place = parent.start + 1
        return [Edit(place, place, f"{json.dumps(key)}: {_spelled(source, value)}")]
    last = present[-1]
    before_key = _space_before(source.text, last.key_start)
    colon = source.text[last.key_end : last.node.start]
    spelled = _laid_out(source, parent, last, value)
    return [Edit(last.node.end, last.node.end, f",{before_key}{json.dumps(key)}{colon}{spelled}")]


def set_value(source: SourceText, parent: Node, member: Member, value: Json) -> list[Edit]:
    """Return the edits that set a member of the object `parent`; none where it is that text already."""
    if isinstance(value, str) and member.node.value == value:
        return []
    if member.node.yaml is not None:
        return [Edit(member.node.start, member.node.end, _yaml_spelled(value))]
    spelled = _laid_out(source, parent, member, value)
    return [Edit(member.node.start, member.node.end, spelled)]


def set_item(source: SourceText, item: Node, value: str) -> list[Edit]:
    """Return the edits that replace a text in a list."""
    if item.value == value:
        return []
    spelled = _spelled(source, value) if item.yaml is None else _yaml_spelled(value)
    return [Edit(item.start, item.end, spelled)]


def _laid_out(source: SourceText, parent: Node, member: Member, value: Json) -> str:
    """Write `value` as JSON in the layout of `member`: on several lines where its object is."""
    before_key = _space_before(source.text, member.key_start)
    if not isinstance(value, (dict, list)) or "\n" not in before_key:
        compact = source.text[member.key_end : member.node.start] == ":"
        return _spelled(source, value, compact=compact)
    newline = "\r\n" if "\r\n" in before_key else "\n"
    indent = before_key.rpartition("\n")[2]
    outer = _space_before(source.text, parent.end - 1).rpartition("\n")[2]
    step = indent.removeprefix(outer) or "  "
    return _spelled(source, value, indent=step).replace("\n", newline + indent)


def _spelled(
    source: SourceText, value: Json, indent: str | None = None, *, compact: bool = False
) -> str:
    spelled = json_spelled(value, indent, compact)
    if source.escapes_non_ascii:
        return _NON_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], spelled)
    return spelled


def _yaml_spelled(value: Json) -> str:
    """Write a value on one line. Every JSON text is YAML, but for escaped pairs of surrogates."""
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json_spelled(value))


def _space_before(text: str, position: int) -> str:
    start = position
    while text[start - 1] in " \t\r\n":
        start -= 1
    return text[start:position]
