"""What the page of specs does to files: it makes new ones, undoes that, and opens one in an editor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel

from backend.errors import UpsampleError
from backend.specs.model import Spec
from tui.text import one_line, paragraphs
from tui.widgets.amounts import counted
from tui.widgets.own_keys import named_keys
from tui.widgets.page import FilteredPage

if TYPE_CHECKING:
    from backend.compose.making import Made


class SpecFilesPage(FilteredPage):
    """A page that knows which specs are chosen."""

    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "specs",
        Binding("C", "compose_specs", "compose new specs", show=False),
        Binding("Z", "undo_files", "undo new specs", show=False),
        Binding("E", "edit", "edit", show=False),
    )

    def __init__(self, cwd: Path) -> None:
        """Relative paths start at `cwd`."""
        super().__init__()
        self._cwd = cwd
        self._records: list[Path] = []
        """The records of what was composed in this session, the newest last."""

    @property
    @abstractmethod
    def chosen_specs(self) -> Sequence[Spec]:
        """The marked specs; the current one when none is marked."""

    @abstractmethod
    def current_or_tell(self) -> Spec | None:
        """The spec at the cursor; None, and the user is told, where there is none."""

    def action_compose_specs(self) -> None:
        """Ask what to combine: the prompts and videos of the chosen specs, or others."""
        from tui.compose.dialog import ComposeDialog

        self.app.push_screen(ComposeDialog(self.chosen_specs, self._cwd), self._tell_made)

    def _tell_made(self, made: Made | None) -> None:
        from tui.compose.text import made_text

        if made is not None:
            if made.record is not None:
                self._records.append(made.record)
            self.notify(made_text(made), markup=False)

    def action_undo_files(self) -> None:
        """Remove what was composed last in this session, but for what was changed since."""
        if not self._records:
            self.notify("No new specs can be undone.", markup=False)
            return
        record = self._records.pop()
        self.run_worker(partial(self._undo, record), thread=True, exit_on_error=False)

    def _undo(self, record: Path) -> None:
        """Undo a composition, and say what came of it. Runs in a thread."""
        from backend.compose.record import undo

        try:
            undone = undo(record)
        except UpsampleError as error:
            self._tell(paragraphs(str(error)), "error")
            return
        folder = one_line(str(undone.folder))
        text = f"{counted(undone.removed, 'file')} removed from {folder}"
        if undone.restored:
            text += f"; {undone.restored:,} hold again what they held before"
        if undone.changed:
            text += f"; {len(undone.changed):,} stay, for they were changed since"
        self._tell(text, "warning" if undone.changed else "information")

    def _tell(self, text: str, severity: SeverityLevel = "information") -> None:
        self.app.call_from_thread(partial(self.notify, text, severity=severity, markup=False))

    async def action_edit(self) -> None:
        """Open the file with the prompt in the user's editor."""
        from backend.config.external_editor import edit_file
        from tui.shell.terminal import lend_terminal

        if spec := self.current_or_tell():
            await lend_terminal(self.app, partial(edit_file, spec.prompt_file or spec.file))
