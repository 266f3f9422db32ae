"""What is fuzzed, a module each."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Protocol, cast

NAMES = (
    "framing",
    "journal",
    "specs",
    "http",
    "model_server",
    "png",
    "safetensors",
    "config",
)
"""The first three are the formats that everything else rests on."""


class Target(Protocol):
    """A module of this package."""

    def seeds(self) -> Iterable[bytes]:
        """Small inputs to start from."""

    def check(self, data: bytes, /) -> None:
        """Read `data`; raises whatever ought not to have happened."""


def load_target(name: str) -> Target:
    """The target of this name, one of NAMES."""
    return cast(Target, importlib.import_module(f"{__name__}.{name}"))
