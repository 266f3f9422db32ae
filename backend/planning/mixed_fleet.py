"""Tells whether the boxes of a fleet give like answers: whether they have one model and one context."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from backend.config import EngineName, Settings, Upsampling
from backend.errors import InputError
from backend.planning.box_context import read_context


def refuse_mixed(settings: Settings, fleet: Collection[str] | None = None) -> None:
    """Raise InputError if these boxes would answer differently, with what differs; by default, the chosen."""
    if words := mixed_words(settings, settings.fleet if fleet is None else fleet):
        raise InputError(
            words,
            "Choose boxes that are alike; or --mixed (in the app, yes after `mixed`) shares the batch among "
            "them all the same.",
        )


def refuse_unlike(settings: Settings, of_boxes: Iterable[str], box: str) -> None:
    """Raise InputError if a box would answer the jobs of these boxes differently, with what differs."""
    if words := unlike_words(settings, of_boxes, box):
        raise InputError(
            words, "Choose a box that is alike; or --mixed gives it the jobs all the same."
        )


def unlike_words(settings: Settings, of_boxes: Iterable[str], box: str) -> str:
    """Say how a box would answer the jobs of these boxes differently; empty when it would not."""
    told = []
    for name in sorted(set(of_boxes) - {box}):
        if name not in settings.boxes:
            told.append(f"{name} is not in the config any more, so nobody knows how it answered")
        elif words := mixed_words(settings, (name, box)):
            told.append(words)
    return "; ".join(told)


def mixed_words(settings: Settings, fleet: Collection[str]) -> str:
    """Say how these boxes would answer differently; empty when they would not."""
    names = tuple(fleet)
    differences = [
        _difference("the kind of answer", settings, names, _kind),
        _difference("the model", settings, names, _model),
        _difference("max_tokens", settings, names, _context),
    ]
    told = "; ".join(filter(None, differences))
    return told and f"{_and(names)} would answer differently: {told}"


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
