"""A box as it is set up for one run: for the jobs that are there when the run begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from backend.box.links.link import Box
from backend.box.setup import make_box
from backend.config import BoxSettings, Settings
from backend.planning.pace import Pace, measured_pace
from backend.store import Store


@dataclass(frozen=True, slots=True)
class BoxSetUp:
    """How a box is set up, and whether that suits further jobs."""

    box: Box
    pace: Pace
    """That of its earlier answers."""
    _settings: Settings
    _box_settings: BoxSettings
    _queued: frozenset[str]
    """`Job.settings` of the jobs that it is set up for."""
    _known: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def make(cls, name: str, queued: Iterable[str], settings: Settings, store: Store) -> BoxSetUp:
        """Set a box up for jobs with these settings (`Job.settings`). Raises ConfigError. Blocks."""
        _, box_settings = settings.box_named(name)
        queued = frozenset(queued)
        box = make_box(name, box_settings, settings, queued)
        return cls(box, measured_pace(store, name, box_settings), settings, box_settings, queued)

    def is_same_for(self, queued: Iterable[str]) -> bool:
        """Whether the box would be set up in the same way for jobs with these settings alone."""
        return make_box(self.box.name, self._box_settings, self._settings, queued) == self.box

    def suits(self, text: str) -> bool:
        """Whether a job with these settings can be done as well."""
        if text not in self._known:
            self._known[text] = text in self._queued or self.is_same_for({*self._queued, text})
        return self._known[text]
