"""The dialogs in which a prompt is typed: a new spec, and the prompt of one that is there.

While the user types, what the prompt costs is counted in a thread. Another one writes the file.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from backend.compose.changes import edit_prompt
from backend.compose.formats import FORMATS, Arrangement
from backend.compose.making import make
from backend.compose.prompts import Prompt
from backend.compose.request import ComposeRequest, compose
from backend.errors import UpsampleError
from backend.planning.plan import Plan
from backend.specs.model import Spec, SpecFormat
from tui.compose.form import FITTING
from tui.compose.undo_hint import undo_hint
from tui.host import AppHost, host_of
from tui.shell.defects import TellsDefects
from tui.specs.planning import PromptPlanner
from tui.text import MUTED, one_line, paragraphs
from tui.tokens.budget_text import budget_lines
from tui.tokens.verdicts import standing
from tui.widgets.choice import Choice
from tui.widgets.plain_text import PlainText
from tui.widgets.typed_line import LineInput

_USUAL_WIDTH = 72


@dataclass(frozen=True, slots=True)
class FileWritten:
    """What a dialog has done to a file."""

    text: str
    """What the user is told."""
    record: Path
    """The record by which it can be undone."""


@dataclass
class PromptCounted(Message):
    """A worker has planned the prompt as it was typed."""

    draft: int
    """The number of the draft. Messages about an older draft are ignored."""
    plan: Plan


@dataclass
class PromptRefused(Message):
    """The prompt cannot be counted or written."""

    error: UpsampleError


@dataclass
class PromptSaved(Message):
    """The file is written."""

    written: FileWritten


class PromptArea(TextArea):
    """An input of several lines, whose cursor does not blink."""

    cursor_blink = reactive(False, init=False)


class PromptDialog(TellsDefects, ModalScreen[FileWritten | None]):
    """Returns what was written; None when the user gives up."""

    CSS_PATH = "prompt_dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", priority=True),
        Binding("escape", "dismiss(None)", "close", priority=True),
    ]
    TITLE_TEXT = ""

    def __init__(self, spec: Spec, cwd: Path) -> None:
        """`spec` is the one whose prompt is typed; of a new one, what is known of it."""
        super().__init__()
        self._spec = spec
        self._cwd = cwd.resolve()
        self._draft = 0
        self._planner: PromptPlanner | None = None
        self._one_at_a_time = Lock()
        self.plan: Plan | None = None
        """The plan of what is typed; None until it is made."""

    @property
    def host(self) -> AppHost:
        return host_of(self)

    @property
    def prompt(self) -> str:
        """The prompt as it is typed now."""
        return self.query_one(TextArea).text

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = Content(self.TITLE_TEXT)
            panel.border_subtitle = "Ctrl+S saves · Esc closes"
            yield from self.compose_fields()
            yield PromptArea(
                self._spec.prompt, soft_wrap=True, compact=True, highlight_cursor_line=False
            )
            yield PlainText(id="tokens")
            yield PlainText(id="trouble")

    def compose_fields(self) -> ComposeResult:
        """Compose what stands above the prompt."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one(TextArea).move_cursor(self.query_one(TextArea).document.end)
        self.count()

    @on(TextArea.Changed)
    @on(Input.Changed)
    @on(Choice.Changed)
    def count(self) -> None:
        """Count what is typed, in a thread."""
        self._draft += 1
        self.query_one("#trouble", PlainText).update()
        self.run_worker(
            partial(self._count, self._draft, self.typed()),
            thread=True,
            group="count",
            exit_on_error=False,
        )

    def typed(self) -> Spec:
        """Return the spec with the prompt as it is typed now."""
        return replace(self._spec, prompt=self.prompt)

    def _count(self, draft: int, spec: Spec) -> None:
        """Plan a spec. Runs in a thread."""
        with self._one_at_a_time:
            if draft != self._draft:
                return  # another letter was typed meanwhile
            try:
                if self._planner is None:
                    self._planner = self.host.desk.make_planner(self.host.settings)
                self.post_message(PromptCounted(draft, self._planner.plan_spec(spec)))
            except UpsampleError as error:
                self.post_message(PromptRefused(error))

    @on(PromptCounted)
    def _show_tokens(self, message: PromptCounted) -> None:
        if message.draft == self._draft:
            self.plan = message.plan
            self._draw_tokens()

    def on_resize(self) -> None:
        self._draw_tokens()

    def _draw_tokens(self) -> None:
        plan = self.plan
        if plan is None:
            return
        stands = standing(plan)
        if plan.budget is None:
            lines = [Content.styled(stands.text, stands.colour)]
            if plan.refusal is not None:
                lines.append(Content.styled(one_line(plan.refusal.problem), MUTED))
        else:
            # Before the first layout there is no width.
            width = self.query_one("#tokens").size.width or _USUAL_WIDTH
            lines = budget_lines(plan.budget, stands, width)
        self.query_one("#tokens", PlainText).update(Content("\n").join(lines))

    @on(PromptRefused)
    def _show_trouble(self, message: PromptRefused) -> None:
        text = Content.styled(paragraphs(str(message.error)), "$text-error")
        self.query_one("#trouble", PlainText).update(text)

    def action_save(self) -> None:
        """Write the file, in a thread."""
        self.run_worker(
            partial(self._save, self.typed()), thread=True, group="save", exit_on_error=False
        )

    def _save(self, spec: Spec) -> None:
        """Write the file. Runs in a thread."""
        with self._one_at_a_time:
            try:
                self.post_message(PromptSaved(self.write(spec)))
            except UpsampleError as error:
                self.post_message(PromptRefused(error))

    @abstractmethod
    def write(self, spec: Spec) -> FileWritten:
        """Write the spec as it is typed. Runs in a thread; raises UpsampleError."""

    @on(PromptSaved)
    def _end(self, message: PromptSaved) -> None:
        if self.is_current:
            self.dismiss(message.written)


class EditPromptDialog(PromptDialog):
    """Edits the prompt of a spec in its file."""

    TITLE_TEXT = "The prompt"
    AUTO_FOCUS = "TextArea"

    def compose_fields(self) -> ComposeResult:
        yield PlainText(Content.styled(one_line(self._spec.name), MUTED))

    def write(self, spec: Spec) -> FileWritten:
        if spec.prompt == self._spec.prompt:
            return FileWritten("The prompt is as it was.", Path())
        changed = edit_prompt(self._spec, spec.prompt, self._cwd)
        return FileWritten(
            f"{one_line(changed.file.name)} is written; {undo_hint()}", changed.record
        )


class NewSpecDialog(PromptDialog):
    """Makes a spec of a prompt and perhaps a video."""

    TITLE_TEXT = "A new spec"
    AUTO_FOCUS = "TextArea"

    def __init__(self, folder: Path, cwd: Path) -> None:
        """`folder` is where it goes unless the user says otherwise."""
        super().__init__(Spec(SpecFormat.COSMOS3, folder / "new.json", 0, 1, "", ""), cwd)
        self._folder = folder

    def compose_fields(self) -> ComposeResult:
        formats = [k.value for k, it in FORMATS.items() if it.arrangement is Arrangement.FILES]
        fields = {
            "video": LineInput(placeholder="none, or a path", compact=True, id="video"),
            "format": Choice([FITTING, *formats], FITTING, id="format"),
            "name": LineInput(placeholder="{prompt}", compact=True, id="name"),
            "folder": LineInput(str(self._folder), compact=True, id="folder"),
        }
        for label, field in fields.items():
            with Horizontal(classes="option"):
                yield PlainText(label, classes="label")
                yield field

    def typed(self) -> Spec:
        written = self.query_one("#video", Input).value.strip()
        video = self._cwd / Path(written) if written else None
        return replace(self._spec, prompt=self.prompt, video=video)

    def write(self, spec: Spec) -> FileWritten:
        form = self.query_one("#format", Choice).value
        request = ComposeRequest(
            self._cwd,
            prompts=(Prompt(spec.prompt.strip()),) if spec.prompt.strip() else (),
            clip_paths=(spec.video,) if spec.video else (),
            format=None if form == FITTING else form,
            pattern=self.query_one("#name", Input).value.strip() or "{prompt}",
            folder=Path(self.query_one("#folder", Input).value.strip() or "."),
        )
        composition, _ = compose(request, ())
        made = make(composition, force=False, go_on=lambda done: True)
        name = composition.file_of(composition.preview(1)[0])
        if made.record is None:
            return FileWritten(f"{one_line(name)} is there already, just like that", Path())
        place = one_line(str(made.folder / name))
        return FileWritten(f"{place} is written; {undo_hint()}", made.record)
