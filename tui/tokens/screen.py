"""The token panel: what the current spec costs, and what it would cost under other settings.

Changes are tried until the user takes them over; the screen then returns the settings to use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen

from backend.config import Settings, Upsampling
from backend.errors import UpsampleError
from backend.limits.calibration import find_calibration
from backend.planning.box_counts import counts_of
from backend.specs.model import Spec
from backend.tokens import TextCounter
from tui.shell.defects import TellsDefects
from tui.shell.terminal import copy
from tui.text import one_line
from tui.tokens.text import describe_what_if
from tui.tokens.what_if import MeasuredSpec, WhatIf, read_subject
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.plain_text import PlainText


@dataclass
class SubjectRead(Message):
    """The spec of the panel was read and counted."""

    subject: MeasuredSpec | None
    """The spec with its counts; None when it cannot be read."""
    error: UpsampleError | None = None
    """Why it cannot be read."""


class TokensScreen(TellsDefects, ModalScreen[Upsampling | None]):
    """Returns the settings to use for this session, or None when they stay as they are."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ".panel"
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "tokens",
        Binding("plus,equals_sign", "frames(1)", "more frames"),
        Binding("minus", "frames(-1)", "fewer frames"),
        Binding("l", "limit(1)", "higher limit"),
        Binding("L", "limit(-1)", "lower limit"),
        Binding("r", "reserve(1)", "more reserve"),
        Binding("R", "reserve(-1)", "less reserve"),
        Binding("p", "profile(1)", "next profile"),
        Binding("P", "profile(-1)", "profile before"),
        Binding("m", "media", "media"),
        Binding("z", "bound(1)", "smaller at most"),
        Binding("Z", "bound(-1)", "larger at most"),
        Binding("o", "resize", "resize or not"),
        Binding("x", "reset", "as in the config"),
        Binding("y", "copy", "copy the commands"),
        Binding("j", "scroll(1)", "down"),
        Binding("k", "scroll(-1)", "up"),
        Binding("enter,s", "use", "use"),
        Binding("escape,t,q", "drop", "close"),
    )

    def __init__(self, spec: Spec, settings: Settings, counter: TextCounter) -> None:
        super().__init__()
        self._spec, self._settings, self._counter = spec, settings, counter
        self._config = settings.upsampling
        self.what: WhatIf | None = None
        """None until the spec is read and counted."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="panel", can_focus=True) as panel:
            panel.border_title = Content(f"Tokens of {one_line(self._spec.name)}")
            use, reset, drop = map(
                key_of, ("tokens.use", "tokens.as-in-the-config", "tokens.close")
            )
            subtitle = f"{use} use for this session · {reset} as in the config · {drop} drop"
            panel.border_subtitle = Content(subtitle)
            yield PlainText("Counting …")

    def on_mount(self) -> None:
        """Count in a thread, because the vocabulary is read the first time."""
        self.run_worker(self._read, thread=True, exit_on_error=False)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _read(self) -> None:
        try:
            counts = counts_of(self._settings)
            subject = read_subject(self._spec, self._config, self._counter, counts)
            subject = replace(subject, calibration=find_calibration(self._settings))
        except UpsampleError as error:
            self.post_message(SubjectRead(None, error))
        else:
            self.post_message(SubjectRead(subject))

    @on(SubjectRead)
    def _take(self, message: SubjectRead) -> None:
        if message.subject is not None:
            self.what = WhatIf.of(message.subject, self._config)
            self._show()
        else:
            self.query_one(PlainText).update(Content(one_line(str(message.error))))

    def _show(self) -> None:
        if not self.is_attached:  # it was closed before the next frame
            return
        width = self.query_one(".panel", VerticalScroll).scrollable_content_region.width
        if self.what is not None and width > 0:
            self.query_one(PlainText).update(describe_what_if(self.what, width, type(self)))

    def _try(self, what: WhatIf | None, kind: str = "") -> None:
        """Show the spec under these settings; if nothing can change, say why."""
        if self.what is None or what is None:
            return
        why = self.what.why_not(kind) if kind else ""
        if why:
            self.notify(why, markup=False)
            return
        self.what = what
        self._show()

    def action_frames(self, step: int) -> None:
        """Try more or fewer frames."""
        self._try(self.what and self.what.with_frames(step), "frames")

    def action_limit(self, step: int) -> None:
        """Try a longer or shorter context."""
        self._try(self.what and self.what.with_limit(step))

    def action_reserve(self, step: int) -> None:
        """Try more or less room for the answer."""
        self._try(self.what and self.what.with_reserve(step))

    def action_profile(self, step: int) -> None:
        """Try the profile of another model family."""
        self._try(self.what and self.what.with_profile(step))

    def action_media(self) -> None:
        """Try another video of the spec."""
        self._try(self.what and self.what.with_media(), "media")

    def action_bound(self, step: int) -> None:
        """Try another greatest size."""
        self._try(self.what and self.what.with_bound(step), "size")

    def action_resize(self) -> None:
        """Try the size that fits, or the original one."""
        self._try(self.what and self.what.with_resize(), "size")

    def action_reset(self) -> None:
        """Return to the settings of the config."""
        self._try(self.what and self.what.reset())

    def action_copy(self) -> None:
        """Copy the commands that write the differences into the config."""
        commands = self.what.commands if self.what else ()
        if commands:
            copy(self.app, "\n".join(commands))
            self.notify("Copied.", markup=False)
        else:
            self.notify("Nothing differs from your config.", markup=False)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(".panel", VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_use(self) -> None:
        """Close, and use the settings for this session."""
        what = self.what
        self.dismiss(what.applied_to(self._settings.upsampling) if what and what.changes else None)

    def action_drop(self) -> None:
        """Close, and change nothing."""
        self.dismiss(None)
