"""Tells whether the boxes of a fleet give like answers: whether they have one model and one context."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from backend.config import EngineName, Settings, Upsampling
from backend.errors import InputError
from backend.planning.box_context import read_context


def refuse_mixed(settings: Settings, fleet: Collection[str] | None = None) -> None:
    """Raise InputError if these boxes would answer differently, with what differs; by default, the chosen."""
    names = tuple(settings.fleet if fleet is None else fleet)
    differences = [
        _difference("the kind of answer", settings, names, _kind),
        _difference("the model", settings, names, _model),
        _difference("max_tokens", settings, names, _context),
    ]
    told = "; ".join(filter(None, differences))
    if told:
        raise InputError(
            f"{_and(names)} would answer differently: {told}",
            "Choose boxes that are alike; or --mixed shares the batch among them all the same.",
        )


def shared_upsampling(settings: Settings, fleet: Collection[str] | None = None) -> Upsampling:
    """Return the settings for prompts that any of these boxes may get: the shortest context counts."""
    least = min(settings.fleet if fleet is None else fleet, key=settings.max_tokens_on)
    return settings.upsampling_on(least)


def _difference(
    what: str, settings: Settings, names: Sequence[str], value: Callable[[Settings, str], str]
) -> str:
    values = {name: value(settings, name) for name in names}
    if len(set(values.values())) < 2:
        return ""
    return f"{what} is " + ", ".join(f"{value} on {name}" for name, value in values.items())


def _kind(settings: Settings, name: str) -> str:
    is_sketch = settings.boxes[name].answering is EngineName.SKETCH
    return "a sketch" if is_sketch else "a model's"


def _model(settings: Settings, name: str) -> str:
    return settings.boxes[name].model or "its server's own"


def _context(settings: Settings, name: str) -> str:
    told = read_context(name) if settings.follows_server_on(name) else 0
    return f"{told or settings.max_tokens_on(name):,}"


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
