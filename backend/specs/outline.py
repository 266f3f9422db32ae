"""Makes an outline of a prompt that is a JSON object: typed parts, of which some hold others.

The app, the HTML report and the comparison of two results all show this outline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from backend.specs.upsampled import json_object_in
from remote.protocol import Json

MOST_CHARACTERS = 100_000
"""The longest prompt that has an outline. Prompts of the known models have 6 to 12 kB."""
MOST_PARTS = 1_500
"""The parts of an outline that are shown. Prompts of the known models have 100 to 300."""
_DEEPEST = 10
"""Levels of the outline; what lies deeper stands in one line."""
_LONGEST = 10_000
"""Characters of a value that are shown."""
_SHORT = 120
"""Characters of a list of values that stands in one line."""
_TIME_KEYS = ("time", "time_range")
"""The keys that say when an entry of a list happens."""
_CLOCK = r"(?:(\d{1,3}):)?(\d{1,3}(?:\.\d{1,3})?)\s*s?"
_TIME = re.compile(rf"\s*{_CLOCK}(?:\s*(?:-|–|—|to)\s*{_CLOCK})?\s*")


class PartKind(StrEnum):
    """What a part of a JSON prompt is."""

    GROUP = "group"
    """An object: the parts below it have keys."""
    LIST = "list"
    """A list, whose entries stand below it, or in one line where they are few and short."""
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    """True or false."""
    EMPTY = "empty"
    """Nothing is said: null, "", [] or {}."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """When something happens, in seconds from the start of the video."""

    begin: float
    end: float
    """Equal to `begin` where only one time is given."""


@dataclass(frozen=True, slots=True)
class OutlinePart:
    """A key with its value, or with the parts below it."""

    key: str
    """The key as the JSON has it, or the position in a list, from 1."""
    kind: PartKind
    text: str = ""
    """The value as people read it; empty where parts are below it, or where nothing is said."""
    time: TimeSpan | None = None
    """When it happens, of an entry that says so."""
    clock: str = ""
    """The same, as the prompt writes it."""
    below: tuple[OutlinePart, ...] = ()
    value: Json = field(default=None, repr=False)
    """The value as it was read, whole where `text` is cut; without the time, where `clock` has it."""

    @property
    def label(self) -> str:
        """What stands before the value: the time if there is one, else the key in words."""
        return self.clock or self.key.replace("_", " ").strip() or "(no name)"

    @property
    def summary(self) -> str:
        """A value that tells what the part is about: its own, or the first text below it."""
        return self.text or next((said for part in self.below if (said := part.summary)), "")

    @property
    def said(self) -> str:
        """All that it says, in one text; empty where nothing is said."""
        return "; ".join(leaf.text for leaf in self.leaves() if leaf.text)

    @property
    def spelled(self) -> str:
        """The value as JSON spells it, keys in the order of the alphabet: two are equal if these are."""
        return _in_one_line(self.value, sort_keys=True)

    def leaves(self) -> Iterator[OutlinePart]:
        """Yield the parts with values: this one, or those below it, in their order."""
        if not self.below:
            yield self
        for part in self.below:
            yield from part.leaves()


def outline_in(prompt: str) -> tuple[OutlinePart, ...]:
    """Return the outline of a prompt; nothing where it is no JSON object, an empty or a very long one."""
    value = json_object_in(prompt) if len(prompt) <= MOST_CHARACTERS else None
    return () if value is None else outline_object(value)


def outline_object(value: dict[str, Json]) -> tuple[OutlinePart, ...]:
    """Return the outline of an object."""
    return _Builder().parts(value.items(), 0)


def time_span_of(text: str) -> TimeSpan | None:
    """Read a time or a range of times, such as "0:00-0:03", "3s" or "1.5 - 4 s"; None for other texts."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    begin = _seconds(found[1], found[2])
    return TimeSpan(begin, begin if found[4] is None else _seconds(found[3], found[4]))


def length_of(parts: Iterable[OutlinePart]) -> float:
    """Return the end of the last time that an outline says, in seconds; 0 where it says none."""
    ends = [0.0]
    for part in parts:
        ends.append(part.time.end if part.time else 0.0)
        ends.append(length_of(part.below))
    return max(ends)


class _Builder:
    """Makes the parts of one object, of which there may be `MOST_PARTS`."""

    def __init__(self) -> None:
        self._left = MOST_PARTS

    def parts(self, items: Iterable[tuple[str, Json]], depth: int) -> tuple[OutlinePart, ...]:
        found: list[OutlinePart] = []
        left = iter(items)
        for key, value in left:
            self._left -= 1
            if self._left < 0:
                more = "There is more, which is not shown."
                rest = {key: value, **dict(left)}
                found.append(OutlinePart("…", PartKind.TEXT, more, value=rest))
                break
            found.append(self._part(key, value, depth))
        return tuple(found)

    def _part(self, key: str, value: Json, depth: int) -> OutlinePart:
        if not isinstance(value, (dict, list)) or not value:
            return OutlinePart(key, _kind(value), _cut(_said(value)), value=value)
        kind = PartKind.GROUP if isinstance(value, dict) else PartKind.LIST
        if isinstance(value, list) and (short := _short_list(value)):
            return OutlinePart(key, kind, short, value=value)
        if depth >= _DEEPEST:
            return OutlinePart(key, kind, _cut(_in_one_line(value)), value=value)
        if isinstance(value, list):
            entries = ((str(n), each) for n, each in enumerate(value, 1))
            return OutlinePart(key, kind, below=self.parts(entries, depth + 1), value=value)
        return self._group(key, value, depth)

    def _group(self, key: str, value: dict[str, Json], depth: int) -> OutlinePart:
        when = next((name for name in _TIME_KEYS if isinstance(value.get(name), str)), "")
        clock = str(value[when]).strip() if when else ""
        time = time_span_of(clock) if clock else None
        if time is None:
            below = self.parts(value.items(), depth + 1)
            return OutlinePart(key, PartKind.GROUP, below=below, value=value)
        others = {k: each for k, each in value.items() if k != when}
        rest = self.parts(others.items(), depth + 1)
        if [part.key for part in rest] == ["description"] and not rest[0].below:
            # An action is no more than its time and its description: one line says both.
            return replace(rest[0], key=key, time=time, clock=clock)
        return OutlinePart(key, PartKind.GROUP, "", time, clock, rest, others)


def _seconds(minutes: str | None, seconds: str) -> float:
    return 60 * int(minutes or 0) + float(seconds)


def _kind(value: Json) -> PartKind:
    if isinstance(value, bool):
        return PartKind.FLAG
    if isinstance(value, (int, float)):
        return PartKind.NUMBER
    return PartKind.TEXT if isinstance(value, str) and value.strip() else PartKind.EMPTY


def _said(value: Json) -> str:
    if value is None or value in ({}, []):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _short_list(value: list[Json]) -> str:
    """Return a list of a few short values in one line; empty for any other list."""
    if any(each is None or isinstance(each, (dict, list)) for each in value):
        return ""
    line = ", ".join(_said(each) for each in value[:_SHORT])
    return line if len(line) <= _SHORT and len(value) <= _SHORT else ""


def _in_one_line(value: Json, *, sort_keys: bool = False) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=sort_keys)
    except RecursionError:
        return "…"
