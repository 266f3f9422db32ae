"""Divides a YAML text into events: the beginnings and ends of mappings and sequences, scalars, aliases.

Two parsers do it. libyaml, which is written in C, takes a thirtieth of the time; ruamel.yaml's own decides
wherever libyaml refuses a text or, since it is made for YAML 1.1, might divide it in another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from yaml import YAMLError

try:
    from yaml._yaml import CParser
except ImportError:  # where PyYAML was built without libyaml
    CParser = None

# Line breaks of YAML 1.1 that are none in 1.2, a byte order mark, and tabs, of which each allows others.
_DIVIDES_OTHERWISE = re.compile("[\t\x85\u2028\u2029\ufeff]")


class Mark(Protocol):
    """A position in the text."""

    index: int


class Event(Protocol):
    """An event of either parser. The name of its class says what it is; not each has all attributes."""

    start_mark: Mark
    end_mark: Mark
    anchor: str | None
    """The anchor of a value; of an alias, the one that it names."""
    tag: str | None
    """The tag of a value. An alias has none."""
    value: str
    """The text of a scalar."""
    style: str | None
    """How a scalar is written: nothing for a plain one, or its first character."""


class NotYaml(Exception):
    """A parser refuses the text. `str` is its reason, `position` the place in the text."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.position = position


def quick_events(text: str) -> Iterator[Event] | None:
    """Return the events as libyaml finds them; None where it is not asked, or not installed.

    The iterator raises NotYaml; `full_events` may read such a text all the same.
    """
    if CParser is None or _DIVIDES_OTHERWISE.search(text) is not None:
        return None
    return _of_libyaml(text)


def _of_libyaml(text: str) -> Iterator[Event]:
    try:
        yield from iter(CParser(text).get_event, None)
    except (YAMLError, ValueError):
        raise NotYaml("libyaml refuses it", 0) from None


def full_events(text: str) -> Iterator[Event]:
    """Yield the events as ruamel.yaml's own parser finds them. Raises NotYaml."""
    # It takes long to import, and is seldom needed.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.error import YAMLError as RuamelError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except (RuamelError, ValueError, RecursionError, AssertionError) as error:
        # AssertionError for a version of YAML that it does not know.
        if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
            raise NotYaml(str(error.problem), error.problem_mark.index) from None
        raise NotYaml("the text cannot be read as YAML", 0) from None
