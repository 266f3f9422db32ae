"""Reads JSON into dataclasses and checks the type of every field.

Numbers are finite and within 64 bits, so that their differences are finite, and a database accepts them. Text
can be encoded as UTF-8.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import TypeVar, Union, cast, get_args, get_origin, get_type_hints

Json = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
T = TypeVar("T")

BEYOND_NUMBERS = 2**63
"""The absolute value of every accepted number is below this."""


class ProtocolError(Exception):
    """The other side sent data that is no message of this protocol."""


def parse(kind: type[T], value: Json) -> T:
    """Read a JSON object as the dataclass `kind`, and check every field. Raises ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{kind.__name__} is an object, not {kind_of(value)}")
    arguments: dict[str, object] = {}
    for name, check, required in _shape(cast(Hashable, kind)):
        if name in value:
            arguments[name] = check(value[name])
        elif required:
            raise ProtocolError(f"{kind.__name__}.{name} is missing")
    return kind(**arguments)


_Check = Callable[[Json], object]
"""A function that checks a JSON value and returns it typed. Raises ProtocolError."""


@cache
def _shape(kind: type) -> tuple[tuple[str, _Check, bool], ...]:
    """Return each field's name, its check, and whether it is required. Cached: resolving hints takes long."""
    hints = get_type_hints(kind)
    return tuple(
        (it.name, _check_for(hints[it.name], f"{kind.__name__}.{it.name}"), it.default is MISSING)
        for it in fields(kind)
    )


def _check_for(hint: object, where: str) -> _Check:
    """Make the check for values of this type. `where` is the field's name in error messages."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (given,) = (part for part in get_args(hint) if part is not type(None))
        check_given = _check_for(given, where)
        return lambda value: None if value is None else check_given(value)
    if origin is tuple:
        return _check_for_list(_check_for(get_args(hint)[0], where), where)
    if is_dataclass(hint):
        return lambda value: parse(cast("type[object]", hint), value)
    return _check_for_scalar(cast(type, hint), where)


def _check_for_list(check_item: _Check, where: str) -> _Check:
    def check(value: Json) -> object:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} is a list, not {kind_of(value)}")
        return tuple(map(check_item, value))

    return check


def _check_for_scalar(kind: type, where: str) -> _Check:
    fits = _SCALARS[kind]

    def check(value: Json) -> object:
        if not fits(value):
            raise ProtocolError(f"{where} is {kind.__name__}, not {kind_of(value)}")
        if isinstance(value, str):
            return well_formed(value)
        if isinstance(value, (int, float)) and not -BEYOND_NUMBERS < value < BEYOND_NUMBERS:
            raise ProtocolError(f"{where} is too large a number, or none")
        return float(cast(float, value)) if kind is float else value

    return check


def well_formed(text: str) -> str:
    """Replace each lone surrogate by U+FFFD: a model may write one, and no file can store it."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_SCALARS: dict[type, Callable[[Json], bool]] = {
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}


def kind_of(value: Json) -> str:
    """Return the name of a value's type for error messages."""
    return "null" if value is None else type(value).__name__
