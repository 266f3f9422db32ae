"""JSON as typed values: dataclasses in, dataclasses out, every field checked."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import TypeVar, Union, cast, get_args, get_origin, get_type_hints

Json = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
T = TypeVar("T")


class ProtocolError(Exception):
    """The peer sent something that is not a message of this protocol."""


def parse(kind: type[T], value: Json) -> T:
    """A JSON object as the dataclass `kind`, every field checked. Raises ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{kind.__name__} is an object, not {kind_of(value)}")
    arguments: dict[str, object] = {}
    for name, (hint, required) in _shape(cast(Hashable, kind)).items():
        if name in value:
            arguments[name] = _check(hint, value[name], f"{kind.__name__}.{name}")
        elif required:
            raise ProtocolError(f"{kind.__name__}.{name} is missing")
    return kind(**arguments)


@cache
def _shape(kind: type) -> dict[str, tuple[object, bool]]:
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], field.default is MISSING) for field in fields(kind)}


def _check(hint: object, value: Json, where: str) -> object:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        (hint,) = (part for part in get_args(hint) if part is not type(None))
        return _check(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} is a list, not {kind_of(value)}")
        return tuple(_check(get_args(hint)[0], item, where) for item in value)
    if is_dataclass(hint):
        return parse(cast("type[object]", hint), value)
    scalar = _SCALARS[cast(type, hint)]
    if not scalar(value):
        raise ProtocolError(f"{where} is {cast(type, hint).__name__}, not {kind_of(value)}")
    return _as_float(cast(float, value), where) if hint is float else value


def _as_float(value: float, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ProtocolError(f"{where} is too large a number") from None


_SCALARS: dict[type, Callable[[Json], bool]] = {
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}


def kind_of(value: Json) -> str:
    """What a message calls the type of a value."""
    return "null" if value is None else type(value).__name__
