"""The dialog that sends prompts: its options, their costs, and the prompts that are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input
from textual.worker import get_current_worker

from backend.config import Ahead
from backend.errors import UpsampleError
from backend.planning.orders import Batch
from backend.planning.summary import Summary
from backend.store import Store
from tui.host import AppHost, host_of
from tui.send.draft import (
    RESIZES,
    Chosen,
    SendOptions,
    ToSend,
    box_choices,
    first_options,
    is_mixed,
    make_batch,
    weigh,
)
from tui.send.summary_text import ahead_text, refused_text, summary_text
from tui.shell.defects import TellsDefects
from tui.text import one_line, paragraphs
from tui.widgets.amounts import counted
from tui.widgets.choice import Choice
from tui.widgets.form import FORM_KEYS, choice_in, form_line, text_in
from tui.widgets.plain_text import PlainText
from tui.widgets.status_text import engine_text

_LABELS = {
    "box": "box",
    "mixed": "mixed",
    "candidates": "candidates",
    "seed": "seed",
    "frames": "frames",
    "resize": "resize",
    "max_resolution": "at most",
    "save_dir": "results in",
    "review": "review first",
    "force": "replace files",
    "ahead": "given ahead",
}


@dataclass
class Weighed(Message):
    """A worker of the dialog has planned some more specs."""

    draft: int
    """The number of the draft, counted from 1. Messages about an older draft are ignored."""
    count: int
    total: int


@dataclass
class SummaryMade(Message):
    """The summary of what would be queued is made."""

    draft: int
    summary: Summary


@dataclass
class SummaryFailed(Message):
    """No summary can be made of this draft."""

    draft: int
    error: UpsampleError


class UpsampleDialog(TellsDefects, ModalScreen[ToSend | None]):
    """Returns what to queue, or None when the user gives up."""

    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "#box"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "send", priority=True),
        Binding("escape", "dismiss(None)", "close"),
        *FORM_KEYS,
    ]

    def __init__(
        self, chosen: Sequence[Chosen], store: Store, *, include_upsampled: bool = False
    ) -> None:
        super().__init__()
        self._chosen = chosen
        self._include_upsampled = include_upsampled
        self._store = store
        self._draft = 0
        self.summary: Summary | None = None
        """None while it is made, and when it cannot be made."""
        self._weighs = False
        self._progress = ""
        """What is said of the weighing that goes on."""
        self._sends = False
        """Whether to send what is weighed now, because the user has said so already."""

    @property
    def host(self) -> AppHost:
        return host_of(self)

    def compose(self) -> ComposeResult:
        first = first_options(self.host.settings, self.host.desk.save_dir)
        with Vertical(classes="panel") as panel:
            too = ", those that are upsampled too" if self._include_upsampled else ""
            panel.border_title = Content(f"Upsample {counted(len(self._chosen), 'prompt')}{too}")
            panel.border_subtitle = "⏎ sends · Tab ↑ ↓ go round · ← → change · Esc closes"
            with Horizontal(id="top"):
                with Vertical(id="options"):
                    for name, label in _LABELS.items():
                        with Horizontal(classes="option", id=f"{name}-option"):
                            yield PlainText(label, classes="label")
                            yield self._field(name, first)
                with Vertical(id="outcome"):
                    yield PlainText(id="engine")
                    yield PlainText(id="summary")
                    yield PlainText(id="goes")
            with VerticalScroll(id="refused"):
                yield PlainText()

    def _field(self, name: str, first: SendOptions) -> Choice | Input:
        match name:
            case "box":
                return Choice(box_choices(self.host.settings), first.box, id=name)
            case "resize":
                return Choice(RESIZES, first.resize, id=name)
            case "review" | "force" | "mixed":
                return Choice(("no", "yes"), "no", id=name)
            case "ahead":
                return Choice([each.value for each in Ahead], first.ahead.value, id=name)
            case "max_resolution":
                return form_line(name, first.max_resolution, "854x480, or 480")
            case "save_dir":
                return form_line(name, first.save_dir, "a folder")
            case "candidates":
                return form_line(name, first.candidates, "1", integer=True)
            case "seed":
                return form_line(name, first.seed, "0", integer=True)
            case _:
                return form_line(name, first.frames, "2", integer=True)

    @property
    def options(self) -> SendOptions:
        """The options as they are filled in now."""
        choice, text = partial(choice_in, self), partial(text_in, self)
        return SendOptions(
            box=choice("box"),
            candidates=text("candidates"),
            seed=text("seed"),
            frames=text("frames"),
            resize=choice("resize"),
            max_resolution=text("max_resolution"),
            save_dir=text("save_dir"),
            review=choice("review") == "yes",
            force=choice("force") == "yes",
            ahead=Ahead(choice("ahead")),
            mixed=choice("mixed") == "yes",
        )

    def on_mount(self) -> None:
        self._recompute()

    @on(Input.Changed)
    @on(Choice.Changed)
    def _recompute(self) -> None:
        self._draft += 1
        self.summary = None
        self._weighs = self._sends = False
        options = self.options
        try:
            self.query_one("#mixed-option").display = is_mixed(options, self.host.settings)
            batch = replace(
                make_batch(options, self.host.settings, self.host.desk.source.cwd),
                include_upsampled=self._include_upsampled,
            )
        except UpsampleError as error:
            self.workers.cancel_group(self, "weigh")
            self._show_trouble(error)
            return
        self.query_one("#engine", PlainText).update(
            Content.assemble(
                (one_line(", ".join(batch.fleet) or batch.box), "bold"),
                (f"  {engine_text(batch.box_settings)}", "$foreground-muted"),
            )
        )
        goes = ahead_text(batch, options.ahead, self.host.holder)
        self.query_one("#goes", PlainText).update(goes)
        self._weighs = True
        self._show_weighing("weighing …")
        self.run_worker(
            partial(self._weigh, self._draft, batch),
            thread=True,
            group="weigh",
            exclusive=True,
            exit_on_error=False,
        )

    def _weigh(self, draft: int, batch: Batch) -> None:
        worker = get_current_worker()
        total = len(self._chosen)

        def tell(count: int) -> None:
            if worker.is_cancelled:
                raise _Void
            self.post_message(Weighed(draft, count, total))

        desk = self.host.desk
        try:
            summary = weigh(
                self._chosen,
                desk.source.paths,
                batch,
                self.host.settings,
                desk.make_planner,
                self._store,
                tell,
            )
        except _Void:
            return
        except UpsampleError as error:
            self.post_message(SummaryFailed(draft, error))
            return
        self.post_message(SummaryMade(draft, summary))

    @on(Weighed)
    def _show_progress(self, message: Weighed) -> None:
        if message.draft == self._draft:
            self._show_weighing(f"weighing {message.count:,} of {message.total:,} …")

    def _show_weighing(self, text: str) -> None:
        self._progress = text
        then = "\nIt is sent as soon as that is done; Esc gives up." if self._sends else ""
        self.query_one("#summary", PlainText).update(
            Content.styled(f"{text}{then}", "$foreground-muted")
        )

    @on(SummaryMade)
    def _show_summary(self, message: SummaryMade) -> None:
        if message.draft != self._draft:
            return
        self.summary, self._weighs = message.summary, False
        self.query_one("#summary", PlainText).update(summary_text(message.summary))
        refused = self.query_one("#refused", VerticalScroll)
        refused.display = bool(message.summary.refused)
        refused.query_one(PlainText).update(refused_text(message.summary))
        if self._sends:
            self._send_unless_surprising(message.summary)

    @on(SummaryFailed)
    def _take_failure(self, message: SummaryFailed) -> None:
        if message.draft == self._draft:
            self._show_trouble(message.error)

    def _show_trouble(self, error: UpsampleError) -> None:
        self._weighs = self._sends = False
        self.query_one("#summary", PlainText).update(
            Content.styled(paragraphs(str(error)), "$text-error")
        )

    def action_send(self) -> None:
        """Close with the summary, if something can be queued; once it is made, if it is not yet."""
        if self._weighs:
            self._sends = True
            self._show_weighing(self._progress)
        elif self.summary is None:
            self.notify("An option is wrong: see what is said above.", markup=False)
        elif not self.summary.orders:
            self.notify("Nothing can be queued: see the reasons below.", markup=False)
        else:
            self.dismiss(ToSend(self.summary, self.options.ahead))

    def _send_unless_surprising(self, summary: Summary) -> None:
        """Send as the user has said before this was weighed, unless it is not all that was chosen."""
        self._sends = False
        if summary.orders and (summary.refused or summary.replaced):
            self.notify("Not sent yet: see what it comes to. ⏎ sends that.", markup=False)
        else:
            self.action_send()


class _Void(Exception):
    """The draft is out of date."""
