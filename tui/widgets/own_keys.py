"""Names for the keys of pages and lists, by which the user's config may change them."""

from __future__ import annotations

import re
from dataclasses import replace

from textual.binding import Binding, BindingType
from textual.dom import DOMNode

_NO_NAME = re.compile(r"[^a-z0-9]+")


def named_keys(place: str, *bindings: Binding) -> list[BindingType]:
    """Return the bindings of a place with ids like "review.next-lint": the place, and what the key does."""
    return [replace(binding, id=f"{place}.{_slug(binding.description)}") for binding in bindings]


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
