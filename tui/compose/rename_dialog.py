"""The dialog that renames the file of a spec."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from backend.compose.file_moves import Renamed, rename
from backend.errors import UpsampleError
from tui.shell.defects import TellsDefects
from tui.text import one_line
from tui.widgets.plain_text import PlainText
from tui.widgets.typed_line import LineInput


class RenameDialog(TellsDefects, ModalScreen[Renamed | None]):
    """Returns what was renamed; None when the user gives up."""

    CSS_PATH = "rename_dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "give up", key_display="esc")
    ]

    class Refused(Message):
        """The file cannot have that name."""

        def __init__(self, error: UpsampleError) -> None:
            super().__init__()
            self.error = error

    class Done(Message):
        """The file has another name."""

        def __init__(self, renamed: Renamed) -> None:
            super().__init__()
            self.renamed = renamed

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = Content(f"Rename {one_line(self._file.name)}")
            panel.border_subtitle = "⏎ renames · Esc gives up"
            with Horizontal(classes="row"):
                yield LineInput(one_line(self._file.stem), compact=True)
                yield PlainText(one_line(self._file.suffix), classes="suffix")
            yield PlainText(id="trouble")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._file.stem:
            self.dismiss(None)
        else:
            work = partial(self._rename, event.value)
            self.run_worker(work, thread=True, exclusive=True, exit_on_error=False)

    def _rename(self, name: str) -> None:
        """Rename the file. Runs in a thread."""
        try:
            self.post_message(self.Done(rename(self._file, name)))
        except UpsampleError as error:
            self.post_message(self.Refused(error))

    @on(Refused)
    def _show_trouble(self, message: Refused) -> None:
        self.query_one("#trouble", PlainText).update(f"✗ {one_line(message.error.problem)}")

    @on(Done)
    def _end(self, message: Done) -> None:
        if self.is_current:
            self.dismiss(message.renamed)
