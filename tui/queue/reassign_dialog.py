"""The dialog that gives jobs to another box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen

from backend.config import Settings
from backend.planning.mixed_fleet import unlike_words
from backend.store import Job
from tui.shell.defects import TellsDefects
from tui.text import MUTED, one_line
from tui.widgets.amounts import counted
from tui.widgets.choice import Choice
from tui.widgets.form import FORM_KEYS, choice_in
from tui.widgets.plain_text import PlainText
from tui.widgets.status_text import engine_text


@dataclass(frozen=True, slots=True)
class Reassignment:
    """The jobs that another box is to have."""

    numbers: tuple[int, ...]
    box: str


class ReassignDialog(TellsDefects, ModalScreen[Reassignment | None]):
    """Returns which jobs go to which box, or None when the user gives up.

    A box that would answer differently gets them only when the user says so.
    """

    CSS_PATH = "../dialogs/dialog.tcss"
    AUTO_FOCUS = "#to"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "give", "give", priority=True),
        Binding("escape", "dismiss(None)", "close"),
        *FORM_KEYS,
    ]

    def __init__(self, settings: Settings, chosen: Sequence[Job], had: Sequence[Job]) -> None:
        """`chosen` are the jobs that the user has chosen; `had` are all that their box has, where it is one
        box. Some box of the settings does not have all of them.
        """
        super().__init__()
        self._settings = settings
        self._which = {counted(len(chosen), "job"): tuple(chosen)}
        if len(had) > len(chosen):
            self._which[f"all {len(had):,} of {one_line(had[0].box)}"] = tuple(had)
        self._boxes = boxes_by_likeness(settings, chosen)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Give jobs to another box"
            dialog.border_subtitle = "⏎ gives · ↑ ↓ go round · ← → change · Esc closes"
            first = next(iter(self._which))
            boxes = list(self._boxes)
            yield from self._row("jobs", Choice(list(self._which), first, id="jobs"))
            yield from self._row("to", Choice(boxes, boxes[0], id="to"))
            yield from self._row("mixed", Choice(("no", "yes"), "no", id="mixed"))
            yield PlainText(id="told", classes="keys")

    def _row(self, label: str, choice: Choice) -> ComposeResult:
        with Horizontal(classes="row", id=f"{label}-row"):
            yield PlainText(label, classes="label")
            yield choice

    def on_mount(self) -> None:
        self._show()

    @on(Choice.Changed)
    def _show(self) -> None:
        words = self._difference
        self.query_one("#mixed-row").display = bool(words)
        told = [Content.styled(engine_text(self._settings.boxes[choice_in(self, "to")]), MUTED)]
        if words:
            told.append(Content.styled(one_line(words), "$text-error"))
            told.append(Content("With `mixed`, it gets them all the same."))
        told.append(
            Content(
                "What their box was working on may be done twice. The first answer counts; a second one is "
                "kept for a review. Nothing else is repeated."
            )
        )
        self.query_one("#told", PlainText).update(Content("\n").join(told))

    @property
    def _jobs(self) -> tuple[Job, ...]:
        return self._which[choice_in(self, "jobs")]

    @property
    def _difference(self) -> str:
        of_boxes = (job.box for job in self._jobs)
        return unlike_words(self._settings, of_boxes, choice_in(self, "to"))

    def action_give(self) -> None:
        """Close with what is chosen, unless the box would answer differently and nobody wants that."""
        if self._difference and choice_in(self, "mixed") == "no":
            why = "It would answer differently: choose another box, or yes after `mixed`."
            self.notify(why, severity="warning", markup=False)
            return
        numbers = tuple(job.number for job in self._jobs)
        self.dismiss(Reassignment(numbers, choice_in(self, "to")))


def boxes_by_likeness(settings: Settings, jobs: Sequence[Job]) -> list[str]:
    """Return the boxes that do not have all of these jobs, those first that answer them as theirs do."""
    now = {job.box for job in jobs}
    others = [name for name in settings.boxes if now != {name}]
    return sorted(others, key=lambda name: (bool(unlike_words(settings, now, name)), name))
