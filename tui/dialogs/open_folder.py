"""The dialog that asks for a file or folder with prompt specs."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.text import one_line
from tui.widgets.plain_text import PlainText
from tui.widgets.typed_line import LineInput


class OpenFolderDialog(ModalScreen[Path | None]):
    """Returns a path that exists, or None when the user gives up."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "give up", key_display="esc")
    ]

    def __init__(self, cwd: Path) -> None:
        super().__init__()
        self._cwd = cwd

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Open a folder of prompt specs"
            dialog.border_subtitle = "⏎ opens · Esc gives up"
            with Horizontal(classes="row"):
                yield PlainText("path", classes="label")
                yield LineInput(placeholder=one_line(str(self._cwd)), compact=True)
            yield PlainText(classes="wrong")

    @on(Input.Submitted)
    def _open(self, event: Input.Submitted) -> None:
        try:
            path = self._cwd / Path(event.value.strip() or ".").expanduser()
            there = path.exists()
        except (OSError, ValueError, RuntimeError):
            there = False
        if there:
            self.dismiss(path)
        else:
            self.query_one(".wrong", PlainText).update(f"✗ {one_line(event.value)} is not there.")
