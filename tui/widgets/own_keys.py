"""Names for the keys of pages and lists, by which the user's config may change them and texts name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.keys import format_key

_NO_NAME = re.compile(r"[^a-z0-9]+")
_SPELLED = {"escape": "Esc", "end": "End", "pagedown": "PgDn", "pageup": "PgUp"}
_shipped: dict[str, str] = {}
"""The keys of each named binding as shipped, by its id."""
_own: dict[str, str] = {}
"""The keys that the user of this process has chosen, by the id of their binding."""


def named_keys(place: str, *bindings: Binding) -> list[BindingType]:
    """Return the bindings of a place with ids like "review.next-lint": the place, and what the key does."""
    named = [replace(binding, id=f"{place}.{_slug(binding.description)}") for binding in bindings]
    for binding in named:
        _shipped.setdefault(binding.id or "", binding.key)
    return [*named]


def use_own_keys(keymap: Mapping[str, str]) -> None:
    """Have texts name these keys, which the app has by the ids of their bindings."""
    _own.clear()
    _own.update(keymap)


def key_of(name: str) -> str:
    """Return the first key of the binding with this id, as texts spell it: the user's own, if there is one.

    The class that has the binding must be imported.
    """
    return spelled(_own.get(name, _shipped[name]).split(",")[0].strip())


def spelled(key: str) -> str:
    """Return a key as help and messages spell it: "Esc" for "escape", "/" for "slash"."""
    return _SPELLED.get(key) or format_key(key)


def bindings_of(owner: type[DOMNode]) -> list[Binding]:
    """Return the named bindings of a class and its bases; of two for one action its own comes first."""
    return [
        binding
        for base in owner.__mro__
        for binding in base.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.id
    ]


def _slug(description: str) -> str:
    return _NO_NAME.sub("-", description.casefold()).strip("-")
