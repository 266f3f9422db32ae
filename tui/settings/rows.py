"""The rows of the settings page: the boxes with their settings, then the settings that are not a box's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from backend.config import BoxSettings, Origin
from backend.config.survey import Section, SettingEntry, Survey, ValueKind, ValueSource

DEFAULTS = "box_defaults"
"""The group with the settings that all boxes share unless they have their own."""
OVERRULED = "▲"
"""Marks a value that the user's own file cannot change here."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A title, which the cursor skips. An empty one is a gap."""

    title: str


@dataclass(frozen=True, slots=True)
class BoxGroup:
    """A box, or box_defaults. The rows of its settings can be folded away."""

    name: str
    box: BoxSettings | None
    """None for box_defaults."""
    chosen: bool
    folded: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: a key and its value."""

    entry: SettingEntry
    group: str
    """The name of the group that it is in; empty when it is in none."""


SettingRow = Heading | BoxGroup | Setting


@dataclass(slots=True)
class SettingsListing:
    """The rows of the page, and its cursor."""

    survey: Survey | None = None
    rows: list[SettingRow] = field(default_factory=list)
    position: int = 0
    unfolded: set[str] = field(default_factory=set)

    def take(self, survey: Survey) -> None:
        """Take over new settings. The cursor stays on its row if that still exists."""
        current = _identity(self.current)
        self.survey = survey
        self.rows = list(_rows(survey, self.unfolded))
        found = [n for n, row in enumerate(self.rows) if _identity(row) == current]
        self.move_to(found[0] if found and current else self.position)

    @property
    def current(self) -> SettingRow | None:
        """The row under the cursor."""
        return self.rows[self.position] if self.position < len(self.rows) else None

    @property
    def box(self) -> str:
        """The box that the cursor is on or in; empty when there is none."""
        row = self.current
        name = (
            row.name if isinstance(row, BoxGroup) else row.group if isinstance(row, Setting) else ""
        )
        return "" if name == DEFAULTS else name

    def move_to(self, position: int, towards: int = 1) -> None:
        """Put the cursor there, or on the next row that is no heading."""
        last = len(self.rows) - 1
        position = max(0, min(position, last))
        while 0 < position < last and isinstance(self.rows[position], Heading):
            position += 1 if towards > 0 else -1
        if last >= 0 and isinstance(self.rows[position], Heading):
            position = next(n for n, row in enumerate(self.rows) if not isinstance(row, Heading))
        self.position = position

    def go_to(self, key: str) -> None:
        """Put the cursor on the setting of this key, or on the group of this name."""
        for number, row in enumerate(self.rows):
            if _identity(row) == key:
                self.move_to(number)

    def fold(self, folded: bool | None = None) -> None:
        """Fold or unfold the group that the cursor is on or in; None folds an unfolded one, and the other
        way round.
        """
        row = self.current
        name = (
            row.name if isinstance(row, BoxGroup) else row.group if isinstance(row, Setting) else ""
        )
        if not name or self.survey is None:
            return
        if folded if folded is not None else name in self.unfolded:
            self.unfolded.discard(name)
            self.go_to(name)
        else:
            self.unfolded.add(name)
        self.take(self.survey)


def _identity(row: SettingRow | None) -> str:
    if isinstance(row, BoxGroup):
        return row.name
    return row.entry.key if isinstance(row, Setting) else ""


def _rows(survey: Survey, unfolded: set[str]) -> Iterator[SettingRow]:
    yield Heading("Boxes")
    of_boxes = [section for section in survey.sections if section.box]
    others = [section for section in survey.sections if not section.box]
    for section in of_boxes:
        yield from _group(section, section.box, survey, unfolded)
    for section in others:
        if section.entries[0].key.startswith(f"{DEFAULTS}."):
            yield from _group(section, DEFAULTS, survey, unfolded)
    for section in others:
        if not section.entries[0].key.startswith(f"{DEFAULTS}."):
            yield Heading("")
            yield Heading(section.title)
            yield from (Setting(entry, "") for entry in section.entries)


def _group(section: Section, name: str, survey: Survey, unfolded: set[str]) -> Iterator[SettingRow]:
    box = survey.settings.boxes.get(section.box)
    yield BoxGroup(name, box, section.box in survey.settings.chosen, name not in unfolded)
    if name in unfolded:
        yield from (Setting(entry, name) for entry in section.entries)


def shown_value(entry: SettingEntry) -> str:
    """Return the value as the list shows it."""
    value = entry.value
    if entry.kind is ValueKind.FLAG:
        return "■ yes" if value else "□ no"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,.10g}" if isinstance(value, float) else f"{value:,}"
    return entry.text or "–"


def shown_source(source: ValueSource) -> str:
    """Return the origin of a value in a few cells."""
    mark = f"{OVERRULED} " if source.counts_more else ""
    match source.origin:
        case Origin.ENVIRONMENT:
            return mark + source.name
        case Origin.PROFILE:
            return source.name.removeprefix("the ")
        case Origin.USER if source.key.startswith(f"{DEFAULTS}."):
            return "your file, for all"
    return mark + str(source.origin)


def why_not_here(entry_name: str, source: ValueSource) -> str:
    """Return why the user's file cannot change a value; empty when it can."""
    if not source.counts_more:
        return ""
    match source.origin:
        case Origin.ENVIRONMENT:
            return (
                f"{entry_name} comes from {source.name} in the environment, which counts more than "
                "your file. Unset it to change the setting here."
            )
        case Origin.BOX:
            return f"{entry_name} comes from {source.name}. Change it there, or set that to 0."
        case Origin.LOCAL:
            return (
                f"{entry_name} comes from {source.name}, which counts more than your file. Change it "
                "there."
            )
    return (
        f"{entry_name} comes from the command line, which counts more than your file. Start upsample "
        "without it to change the setting here."
    )
