"""The dialog that composes specs: what is combined, and the first of the specs that come of it.

The specs are worked out in a thread while the user types, and written in another one, which can be stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from backend.compose.composition import DEFAULT_FOLDER, Composition, NewSpec, left_alone
from backend.compose.formats import CONTROLS, FORMATS
from backend.compose.making import Made, make
from backend.compose.pattern import default_pattern
from backend.compose.request import ComposeRequest, compose
from backend.compose.styles import PLAIN, named_styles
from backend.errors import UpsampleError
from backend.specs.model import Spec
from tui.compose.form import (
    A_FILE,
    A_PATH,
    FITTING,
    WORDS,
    ComposeForm,
    MarkedSources,
    style_choices,
)
from tui.compose.text import preview_text, sum_text
from tui.host import AppHost, host_of
from tui.shell.defects import TellsDefects
from tui.text import MUTED, paragraphs
from tui.widgets.choice import Choice
from tui.widgets.form import FORM_KEYS, choice_in, form_line, text_in
from tui.widgets.plain_text import PlainText

_LABELS = {
    "prompts": "prompts",
    "prompt_text": "",
    "clips": "videos",
    "clip_path": "",
    "style": "style",
    "format": "format",
    "control": "control",
    "pattern": "names",
    "folder": "folder",
    "force": "replace files",
}
_TELL_EVERY = 0.1
"""Seconds between two messages about the specs that are written."""


@dataclass
class Composed(Message):
    """A worker has worked out what comes of a draft."""

    draft: int
    """The number of the draft, counted from 1. Messages about an older draft are ignored."""
    composition: Composition
    first: tuple[NewSpec, ...]
    troubles: tuple[str, ...]
    unseen: int
    """How many specs would be left alone when their folder is opened."""


@dataclass
class CompositionFailed(Message):
    """Nothing can be made of a draft, or not all of it could be written."""

    draft: int
    error: UpsampleError


@dataclass
class SpecsWritten(Message):
    """So many specs are written."""

    count: int


@dataclass
class SpecsMade(Message):
    """All specs are written, or as many as were when the user stopped it."""

    made: Made


class ComposeDialog(TellsDefects, ModalScreen[Made | None]):
    """Returns what was written; None when the user gives up."""

    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "#prompts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "make", "make", priority=True),
        Binding("escape", "leave", "close"),
        *FORM_KEYS,
    ]

    def __init__(self, specs: Sequence[Spec], cwd: Path) -> None:
        """`specs` are those that the user marked, or the current one; there may be none."""
        super().__init__()
        self._cwd = cwd.resolve()
        self._chosen = MarkedSources.of(specs, self._cwd)
        self._draft = 0
        self._stop: Event | None = None
        """Stops the writing; None while nothing is written."""
        self.composed: Composed | None = None
        """None while it is worked out, and when nothing can be made."""

    @property
    def host(self) -> AppHost:
        return host_of(self)

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = "New specs: every prompt with every video"
            panel.border_subtitle = "⏎ writes · Tab ↑ ↓ go round · ← → change · Esc closes"
            with Vertical(id="options"):
                for name, label in _LABELS.items():
                    with Horizontal(classes="option", id=f"row-{name}"):
                        yield PlainText(label, classes="label")
                        yield self._field(name)
            yield PlainText(id="summary")
            with VerticalScroll(id="preview", can_focus=False):
                yield PlainText()

    def _field(self, name: str) -> Choice | Input:
        chosen = self._chosen
        match name:
            case "prompts":
                return Choice(chosen.prompt_choices, chosen.prompt_choices[0], id=name)
            case "prompt_text":
                return form_line(name, "", "a car drives through the rain; or the path of a file")
            case "clips":
                return Choice(chosen.clip_choices, chosen.clip_choices[0], id=name)
            case "clip_path":
                return form_line(name, "", "a folder, a video, or a list of files")
            case "style":
                styles = named_styles(self.host.settings.compose.styles)
                return Choice(style_choices([style.name for style in styles]), PLAIN, id=name)
            case "format":
                formats = [each.value for each in FORMATS]
                return Choice([FITTING, *formats], FITTING, id=name)
            case "control":
                return Choice(CONTROLS, CONTROLS[0], id=name)
            case "pattern":
                return form_line(name, "", default_pattern(has_videos=True, has_styles=False))
            case "folder":
                return form_line(name, "", str(DEFAULT_FOLDER))
            case _:
                return Choice(("no", "yes"), "no", id=name)

    @property
    def form(self) -> ComposeForm:
        """What is filled in now."""
        choice, text = partial(choice_in, self), partial(text_in, self)
        return ComposeForm(
            prompts=choice("prompts"),
            prompt_text=text("prompt_text"),
            clips=choice("clips"),
            clip_path=text("clip_path"),
            style=choice("style"),
            format=choice("format"),
            pattern=text("pattern"),
            control=choice("control"),
            folder=text("folder"),
            force=choice("force") == "yes",
        )

    def on_mount(self) -> None:
        self._recompute()

    @on(Input.Changed)
    @on(Choice.Changed)
    def _recompute(self) -> None:
        self._draft += 1
        self.composed = None
        form = self.form
        self.query_one("#row-prompt_text").display = form.prompts in (WORDS, A_FILE)
        self.query_one("#row-clip_path").display = form.clips == A_PATH
        self.query_one("#row-style").display = bool(self.host.settings.compose.styles)
        try:
            request = form.request(self._chosen, self._cwd, self.host.desk.source.columns)
        except UpsampleError as error:
            self.workers.cancel_group(self, "compose")
            self._show_trouble(error)
            return
        self.run_worker(
            partial(self._work_out, self._draft, request),
            thread=True,
            group="compose",
            exclusive=True,
            exit_on_error=False,
        )

    def _work_out(self, draft: int, request: ComposeRequest) -> None:
        """Work out what comes of a request. Runs in a thread."""
        if draft != self._draft:
            return  # another letter was typed meanwhile
        try:
            composition, troubles = compose(request, self.host.settings.compose.styles)
            first = composition.preview()
            unseen = sum(1 for _ in left_alone(composition))
        except UpsampleError as error:
            self.post_message(CompositionFailed(draft, error))
            return
        self.post_message(Composed(draft, composition, first, troubles, unseen))

    @on(Composed)
    def _show(self, message: Composed) -> None:
        if message.draft != self._draft:
            return
        self.composed = message
        composition = message.composition
        summary = sum_text(composition, message.troubles, message.unseen)
        self.query_one("#summary", PlainText).update(summary)
        self.query_one("#pattern", Input).placeholder = composition.pattern.text
        is_transfer = composition.format.name.value in ("transfer1", "transfer2.5")
        self.query_one("#row-control").display = is_transfer
        self._show_preview()

    def on_resize(self) -> None:
        self._show_preview()

    def _show_preview(self) -> None:
        preview = self.query_one("#preview", VerticalScroll)
        preview.display = self.composed is not None
        if self.composed is not None:
            width = max(20, self.query_one("#options").size.width - 1)
            text = preview_text(self.composed.composition, self.composed.first, width)
            preview.query_one(PlainText).update(text)

    @on(CompositionFailed)
    def _take_failure(self, message: CompositionFailed) -> None:
        self._stop = None
        if message.draft == self._draft:
            self._show_trouble(message.error)

    def _show_trouble(self, error: UpsampleError) -> None:
        self.query_one("#summary", PlainText).update(
            Content.styled(paragraphs(str(error)), "$text-error")
        )
        self._show_preview()

    def action_make(self) -> None:
        """Write the specs that are shown."""
        if self._stop is not None:
            return
        if self.composed is None:
            self.notify("It is not worked out yet, or something is missing.", markup=False)
            return
        self._stop = Event()
        self.run_worker(
            partial(self._make, self.composed.composition, self.form.force, self._stop),
            thread=True,
            group="make",
            exit_on_error=False,
        )

    def _make(self, composition: Composition, force: bool, stop: Event) -> None:
        """Write the specs. Runs in a thread."""
        told = monotonic()

        def go_on(count: int) -> bool:
            nonlocal told
            if monotonic() - told > _TELL_EVERY:
                told = monotonic()
                self.post_message(SpecsWritten(count))
            return not stop.is_set()

        try:
            made = make(composition, force=force, go_on=go_on)
        except UpsampleError as error:
            self.post_message(CompositionFailed(self._draft, error))
            return
        self.post_message(SpecsMade(made))

    @on(SpecsMade)
    def _end(self, message: SpecsMade) -> None:
        self.dismiss(message.made)

    @on(SpecsWritten)
    def _show_progress(self, message: SpecsWritten) -> None:
        if self.composed is not None:
            text = f"{message.count:,} of {self.composed.composition.count:,} written · Esc stops"
            self.query_one("#summary", PlainText).update(Content.styled(text, MUTED))

    def action_leave(self) -> None:
        """Stop the writing; or close."""
        if self._stop is not None:
            self._stop.set()
        else:
            self.dismiss(None)

    def on_unmount(self) -> None:
        if self._stop is not None:
            self._stop.set()
