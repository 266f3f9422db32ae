"""The log page: lines of boxes, engines and jobs as they come in, to be searched, filtered and saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from tui.log.book import LogLine
from tui.log.file import as_text, save_lines
from tui.log.help import HELP
from tui.log.line_text import Times
from tui.log.lines import IDENTITY_SHOWN, LogLines, Wanted
from tui.log.prompt import LogPrompt, PromptPurpose
from tui.log.title import Around, empty_log_text, log_standing, log_title
from tui.log.view import LogMoved, LogView
from tui.shell.desk import Desk
from tui.shell.steady_app import CHANGES
from tui.shell.terminal import copy
from tui.shell.work import start_work
from tui.text import one_line
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.page import HELP_KEY, Page
from tui.widgets.plain_text import PlainText

_LOOKS: list[str | PurePath] = ["screen.tcss", "view.tcss"]
_MOST_COPIED = 1_000_000
"""Characters for the terminal's clipboard; many terminals take less."""


class LogPage(Page):
    """Shows a title, the lines, and a line to type into. `LogLines` does the searching and filtering."""

    AUTO_FOCUS = "LogView"
    HELP_GROUPS = HELP
    LIST = LogView
    CSS_PATH = _LOOKS
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "log",
        Binding("slash", "ask('SEARCH')", "search", key_display="/"),
        Binding("n", "next(1)", "next", show=False),
        Binding("N", "next(-1)", "previous", show=False),
        Binding("f", "ask('FILTER')", "filter"),
        Binding("L", "level", "level"),
        Binding("b", "box", "box", show=False),
        Binding("tab", "job", "job", show=False, priority=True),
        Binding("y", "copy", "copy"),
        Binding("s", "ask('FILE')", "save"),
        Binding("escape", "back", "back", show=False),
        HELP_KEY,
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._file = desk.log_file
        self._folder = desk.source.cwd
        self._to_replace: Path | None = None
        """The file that the user was told exists already, and may replace."""
        self._before = ""
        """The search or filter that held before the user began to type."""

    def compose_body(self) -> ComposeResult:
        lines = LogLines(self.host.recorder.book)
        with Vertical(classes="body"):
            with Horizontal(id="line"):
                yield PlainText(id="title")
                yield PlainText(id="standing")
            yield PlainText(id="empty")
            yield LogView(lines)
            with Horizontal(id="prompt"):
                yield PlainText(id="asked")
                yield LogPrompt()

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    @property
    def lines(self) -> LogLines:
        return self.log_view.lines

    @property
    def prompt(self) -> LogPrompt:
        return self.query_one(LogPrompt)

    def on_mount(self) -> None:
        self.set_interval(1, self._tick)
        self.show_live()

    def on_screen_resume(self) -> None:
        """Draw what came while another page was shown."""
        self.call_after_refresh(self.show_live)

    def show_live(self) -> None:
        """Draw the new lines, if the page is shown."""
        if not self.is_shown:
            return
        wanted = self.lines.wanted
        if wanted.job is not None and not wanted.identity:
            self.lines.want(replace(wanted, identity=self.host.recorder.identity_of(wanted.job)))
        self.lines.update()
        self._show_lines()

    def show_job(self, number: int | None) -> None:
        """Show the lines of one job, or of all."""
        identity = "" if number is None else self.host.recorder.identity_of(number)[:IDENTITY_SHOWN]
        self.lines.want(replace(self.lines.wanted, job=number, identity=identity))
        self.log_view.following = True
        self._show_lines()

    def _tick(self) -> None:
        if self.log_view.times is Times.AGO and self.is_shown:
            self.log_view.refresh()

    def _show_lines(self) -> None:
        self.set_class(not self.lines.numbers, "-empty")
        if not self.lines.numbers:
            file = "" if self._file is None else str(self._file)
            text = empty_log_text(self.lines, self._job_name, file)
            self.query_one("#empty", PlainText).update(text)
        self.log_view.show_lines()
        self._show_title()

    @on(LogMoved)
    def _show_title(self) -> None:
        view = self.log_view
        around = Around(
            view.following, view.new, len(view.chosen_lines), view.current, self._job_name
        )
        self.query_one("#title", PlainText).update(log_title(self.lines, around))
        self.query_one("#standing", PlainText).update(log_standing(self.lines, around))

    @property
    def _job_name(self) -> str:
        number = self.lines.wanted.job
        if number is None:
            return ""
        job = self.host.live.jobs.get(number)
        return job.job.name if job else f"{number}"

    # --- choosing lines ---

    def action_level(self) -> None:
        """Show all lines, then warnings and errors, then errors alone, then all again."""
        wanted = self.lines.wanted
        self._want(replace(wanted, gravity=(wanted.gravity + 1) % 3))

    def action_box(self) -> None:
        """Show the lines of all boxes, then of each box alone."""
        every = ["", *self.lines.book.boxes]
        if len(every) < 3:
            self.notify("No two boxes have said anything.", markup=False)
            return
        wanted = self.lines.wanted
        following = every[(every.index(wanted.box) + 1) % len(every)]
        self._want(replace(wanted, box=following))

    def action_job(self) -> None:
        """Show the lines of one job, or of all. The job is the one that the log was opened for, else the
        last started.
        """
        if self.lines.wanted.job is not None:
            self.show_job(None)
        elif self.host.log_job is None:
            self.notify("No job has begun yet.", markup=False)
        else:
            self.show_job(self.host.log_job)

    def _want(self, wanted: Wanted) -> None:
        view = self.log_view
        # What was at the top stays there, or the next line that is left of it.
        self.lines.want(wanted)
        view.chosen = None
        self._show_lines()

    # --- typing ---

    def action_ask(self, asked: str) -> None:
        """Open the line to type into."""
        what = PromptPurpose[asked]
        if what is PromptPurpose.FILE and not self.lines.numbers:
            self.notify("There is no line to save.", markup=False)
            return
        value = {
            PromptPurpose.SEARCH: "",
            PromptPurpose.FILTER: " ".join(self.lines.wanted.words),
            PromptPurpose.FILE: "upsample.log",
        }[what]
        self._before = self.lines.sought if what is PromptPurpose.SEARCH else value
        self._to_replace = None
        self._tell(what)
        self.add_class("-asking")
        self.prompt.ask(what, value)

    def _tell(self, text: str) -> None:
        self.query_one("#asked", PlainText).update(f"{text} ")

    @on(Input.Changed)
    def _use_as_typed(self, event: Input.Changed) -> None:
        match self.prompt.asked:
            case PromptPurpose.SEARCH:
                self.lines.search(event.value)
                self._show_lines()
            case PromptPurpose.FILTER:
                self._want(self.lines.wanted.with_text(event.value))
            case PromptPurpose.FILE:
                self._to_replace = None
                self._tell(PromptPurpose.FILE)

    @on(Input.Submitted)
    def _use(self, event: Input.Submitted) -> None:
        if self.prompt.asked is PromptPurpose.FILE:
            self._save(event.value)
            return
        self._close()
        if self.prompt.asked is PromptPurpose.SEARCH and event.value:
            self.action_next(-1)

    def _close(self) -> None:
        self.remove_class("-asking")
        self.prompt.end()
        self.log_view.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Give the keys of the page to the line while the user types there."""
        typing = self.has_class("-asking") and self.focused is self.prompt
        return not (typing and action in {"ask", "next", "level", "box", "job", "copy", "help"})

    def action_back(self) -> None:
        """Leave the latest of these: typing, the selection, the search, the filters."""
        wanted = self.lines.wanted
        if self.has_class("-asking"):
            if self.prompt.asked is PromptPurpose.SEARCH:
                self.lines.search(self._before)
            elif self.prompt.asked is PromptPurpose.FILTER:
                self.lines.want(wanted.with_text(self._before))
            self._close()
        elif self.log_view.chosen is not None:
            self.log_view.unchoose()
        elif self.lines.sought:
            self.lines.search("")
            self.log_view.current = None
        else:
            self.lines.want(Wanted())
        self._show_lines()

    def action_next(self, step: int) -> None:
        """Go to the next line that the search has found, or to the one before."""
        if not self.lines.sought:
            self.notify(f"Nothing is searched for; {key_of('log.search')} does.", markup=False)
            return
        view = self.log_view
        start = view.current
        if start is None:
            # From what is in sight: backwards, as the newest is what one mostly looks for.
            start = view.last_in_sight + 1 if step < 0 else view.first_in_sight - 1
        number = self.lines.next_found(start, step)
        if number is not None:
            view.go_to(number)
        self._show_title()

    # --- copying and saving ---

    def action_copy(self) -> None:
        """Copy the selected lines to the clipboard of the terminal, or those in sight if none is selected."""
        chosen = self.log_view.chosen_lines
        lines = chosen or self.log_view.in_sight
        text = as_text(lines)
        if not lines:
            self.notify("There is no line to copy.", markup=False)
        elif len(text) > _MOST_COPIED:
            self.notify(
                f"Too much for a clipboard; {key_of('log.save')} saves it to a file.", markup=False
            )
        else:
            copy(self.app, text)
            which = "selected" if chosen else "in sight"
            self.notify(f"{len(lines):,} lines copied, those {which}.", markup=False)
            self.log_view.unchoose()

    def _save(self, name: str) -> None:
        if not name.strip():
            return
        path = self._folder / Path(name.strip()).expanduser()
        book = self.lines.book
        chosen = self.log_view.chosen_lines
        lines = chosen or [it for n in self.lines.numbers if (it := book.line(n)) is not None]
        writing = partial(self._write, path, lines, replace=path == self._to_replace)
        start_work(self, writing, CHANGES)

    async def _write(self, path: Path, lines: list[LogLine], *, replace: bool) -> None:
        shown = one_line(str(path))
        try:
            await asyncio.to_thread(save_lines, lines, path, replace=replace)
        except FileExistsError:
            self._to_replace = path
            self._tell("it exists; ⏎ again replaces it:")
        except OSError as error:
            self.notify(
                f"{shown} cannot be written: {error.strerror or error}",
                severity="error",
                markup=False,
            )
        else:
            self._close()
            self.notify(f"{len(lines):,} lines saved in {shown}", markup=False)
