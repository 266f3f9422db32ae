"""The engines that this runner has, by the name that a box's config gives."""

from __future__ import annotations

from collections.abc import Callable

from remote.engines import Engine
from remote.engines.sketch import SketchEngine
from remote.protocol import Setup


class NoEngineError(Exception):
    """The config names an engine that this runner does not have."""


def _sketch(_setup: Setup) -> Engine:
    return SketchEngine()


_ENGINES: dict[str, Callable[[Setup], Engine]] = {"sketch": _sketch}


def make_engine(setup: Setup) -> Engine:
    """The engine that the setup asks for. Raises NoEngineError."""
    make = _ENGINES.get(setup.engine)
    if make is None:
        have = ", ".join(sorted(_ENGINES))
        raise NoEngineError(f"this runner has no engine {setup.engine!r}; it has: {have}")
    return make(setup)
