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
    from tui.compose.prompt_dialog import FileWritten


class SpecFilesPage(FilteredPage):
    """A page that knows which specs are chosen."""

    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "specs",
        Binding("C", "compose_specs", "compose new specs", show=False),
        Binding("N", "new_spec", "new spec", show=False),
        Binding("D", "duplicate", "duplicate", show=False),
        Binding("p", "edit_prompt", "edit the prompt", show=False),
        Binding("Z", "undo_files", "undo what was written", show=False),
        Binding("E", "edit", "edit", show=False),
    )

    def __init__(self, cwd: Path) -> None:
        """Relative paths start at `cwd`."""
        super().__init__()
        self._cwd = cwd
        self._records: list[Path] = []
        """The records of what was written in this session, the newest last."""

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

    def action_new_spec(self) -> None:
        """Ask for a prompt and a video, and write them as a new spec."""
        from tui.compose.prompt_dialog import NewSpecDialog

        chosen = self.chosen_specs
        folder = chosen[0].file.parent if chosen else Path()
        self.app.push_screen(NewSpecDialog(folder, self._cwd), self._tell_written)

    def action_edit_prompt(self) -> None:
        """Edit the prompt of the current spec in its place."""
        from backend.compose.changes import why_not_edited
        from tui.compose.prompt_dialog import EditPromptDialog

        if spec := self.current_or_tell():
            if why := why_not_edited(spec):
                self.notify(f"The prompt {why}: E opens the file itself.", markup=False)
            else:
                self.app.push_screen(EditPromptDialog(spec, self._cwd), self._tell_written)

    def _tell_written(self, written: FileWritten | None) -> None:
        if written is not None:
            if written.record.name:
                self._records.append(written.record)
            self.notify(written.text, markup=False)

    def action_duplicate(self) -> None:
        """Copy the current spec to a new file beside its own."""
        if spec := self.current_or_tell():
            self.run_worker(partial(self._duplicate, spec), thread=True, exit_on_error=False)

    def _duplicate(self, spec: Spec) -> None:
        """Copy a spec, and say where to. Runs in a thread."""
        from backend.compose.changes import duplicate

        try:
            changed = duplicate(spec, self._cwd)
        except UpsampleError as error:
            self._tell(paragraphs(str(error)), "error")
            return
        self._records.append(changed.record)
        self._tell(f"{one_line(str(changed.file))} is written; Z undoes it")

    def action_undo_files(self) -> None:
        """Undo what was written last in this session, but for what was changed since."""
        if not self._records:
            self.notify("Nothing was written that could be undone.", markup=False)
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
        said = {
            "removed": undone.removed,
            "as before": undone.restored,
            "left, for it was changed since": len(undone.changed),
        }
        text = ", ".join(f"{counted(n, 'file')} {what}" for what, n in said.items() if n)
        folder = one_line(str(undone.folder))
        self._tell(
            f"{folder}: {text or 'nothing is left of it'}",
            "warning" if undone.changed else "information",
        )

    def _tell(self, text: str, severity: SeverityLevel = "information") -> None:
        self.app.call_from_thread(partial(self.notify, text, severity=severity, markup=False))

    async def action_edit(self) -> None:
        """Open the file with the prompt in the user's editor."""
        from backend.config.external_editor import edit_file
        from tui.shell.terminal import lend_terminal

        if spec := self.current_or_tell():
            await lend_terminal(self.app, partial(edit_file, spec.prompt_file or spec.file))
