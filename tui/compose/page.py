"""What the page of specs does with single specs and their files, and how the user undoes it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel

from backend.errors import UpsampleError
from backend.specs.model import Spec
from tui.compose.undo_hint import undo_hint
from tui.shell.terminal import copy
from tui.text import one_line, paragraphs
from tui.widgets.amounts import counted
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.page import FilteredPage

if TYPE_CHECKING:
    from backend.compose.file_moves import Binned, Renamed
    from backend.compose.making import Made
    from tui.compose.prompt_dialog import FileWritten

Undo = Callable[[], str]
"""Takes a change back, and returns what the user is told. Blocks; raises UpsampleError."""


class SpecFilesPage(FilteredPage):
    """A page that knows which specs are chosen."""

    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "specs",
        Binding("y", "copy", "copy", show=False),
        Binding("E", "edit", "edit", show=False),
        Binding("p", "edit_prompt", "edit the prompt", show=False),
        Binding("C", "compose_specs", "compose new specs", show=False),
        Binding("N", "new_spec", "new spec", show=False),
        Binding("D", "duplicate", "duplicate", show=False),
        Binding("R", "rename", "rename", show=False),
        Binding("X,delete", "bin", "move to the bin", show=False),
        Binding("Z", "undo_files", "undo what was done to files", show=False),
    )
    FILE_ACTIONS = frozenset(
        (
            *("copy", "edit", "edit_prompt", "compose_specs", "new_spec", "duplicate"),
            *("rename", "bin", "undo_files"),
        )
    )
    """The actions of these keys."""

    def __init__(self, cwd: Path) -> None:
        """Relative paths start at `cwd`."""
        super().__init__()
        self._cwd = cwd
        self._undos: list[Undo] = []
        """Takes back what was done in this session, the newest last."""

    @property
    @abstractmethod
    def chosen_specs(self) -> Sequence[Spec]:
        """The marked specs; the current one when none is marked."""

    @abstractmethod
    def current_or_tell(self) -> Spec | None:
        """The spec at the cursor; None, and the user is told, where there is none."""

    def action_copy(self) -> None:
        """Copy the prompt to the clipboard of the terminal."""
        if spec := self.current_or_tell():
            copy(self.app, spec.prompt)
            self.notify(f"{len(spec.prompt):,} characters copied.", markup=False)

    async def action_edit(self) -> None:
        """Open the file with the prompt in the user's editor."""
        from backend.config.external_editor import edit_file
        from tui.shell.terminal import lend_terminal

        if spec := self.current_or_tell():
            await lend_terminal(self.app, partial(edit_file, spec.prompt_file or spec.file))

    def action_edit_prompt(self) -> None:
        """Edit the prompt of the current spec in its place."""
        from backend.compose.changes import why_not_edited
        from tui.compose.prompt_dialog import EditPromptDialog

        if spec := self.current_or_tell():
            if why := why_not_edited(spec):
                edit = key_of("specs.edit")
                self.notify(f"The prompt {why}: {edit} opens the file itself.", markup=False)
            else:
                self.app.push_screen(EditPromptDialog(spec, self._cwd), self._tell_written)

    def action_compose_specs(self) -> None:
        """Ask what to combine: the prompts and videos of the chosen specs, or others."""
        from tui.compose.dialog import ComposeDialog

        self.app.push_screen(ComposeDialog(self.chosen_specs, self._cwd), self._tell_made)

    def _tell_made(self, made: Made | None) -> None:
        from tui.compose.text import made_text

        if made is not None:
            if made.record is not None:
                self._undos.append(partial(_undo_record, made.record))
            self.notify(made_text(made), markup=False)

    def action_new_spec(self) -> None:
        """Ask for a prompt and a video, and write them as a new spec."""
        from tui.compose.prompt_dialog import NewSpecDialog

        chosen = self.chosen_specs
        folder = chosen[0].file.parent if chosen else Path()
        self.app.push_screen(NewSpecDialog(folder, self._cwd), self._tell_written)

    def _tell_written(self, written: FileWritten | None) -> None:
        if written is not None:
            if written.record.name:
                self._undos.append(partial(_undo_record, written.record))
            self.notify(written.text, markup=False)

    def action_duplicate(self) -> None:
        """Copy the current spec to a new file beside its own."""
        if spec := self.current_or_tell():
            self._do(partial(_duplicate, spec, self._cwd))

    def action_rename(self) -> None:
        """Ask for another name for the file of the current spec."""
        from tui.compose.rename_dialog import RenameDialog

        if spec := self.current_or_tell():
            file = self._cwd / spec.file
            self.app.push_screen(RenameDialog(file), self._tell_renamed)

    def _tell_renamed(self, renamed: Renamed | None) -> None:
        if renamed is not None:
            self._undos.append(partial(_rename_back, renamed))
            after = one_line(renamed.after.name)
            self.notify(f"Its name is {after} now; {undo_hint()}", markup=False)

    def action_bin(self) -> None:
        """Ask whether the files of the chosen specs are to go to the bin."""
        from tui.dialogs.question import QuestionDialog

        specs = self.chosen_specs
        if not specs:
            self.notify("No spec is chosen.", markup=False)
            return
        files = tuple(dict.fromkeys(self._cwd / spec.file for spec in specs))
        names = ", ".join(one_line(file.name) for file in files[:3])
        more = f" and {len(files) - 3:,} more" if len(files) > 3 else ""
        question = f"{names}{more}, with all specs in {'it' if len(files) == 1 else 'them'}?"
        title = f"Move {counted(len(files), 'file')} to the bin"

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(partial(_move_to_bin, files))

        self.app.push_screen(
            QuestionDialog(title, question, "move to the bin", default=False), answered
        )

    def action_undo_files(self) -> None:
        """Undo what was done last in this session, but for what was changed since."""
        if self._undos:
            undo = self._undos.pop()
            self._do(lambda: (undo(), None))
        else:
            self.notify("Nothing was done that could be undone.", markup=False)

    def _do(self, change: Callable[[], tuple[str, Undo | None]]) -> None:
        """Do a change in a thread; tell the user what it says, and keep how it is undone."""
        self.run_worker(partial(self._change, change), thread=True, exit_on_error=False)

    def _change(self, change: Callable[[], tuple[str, Undo | None]]) -> None:
        try:
            text, undo = change()
        except UpsampleError as error:
            self._tell(paragraphs(str(error)), "error")
            return
        if undo is not None:
            self._undos.append(undo)
        self._tell(text)

    def _tell(self, text: str, severity: SeverityLevel = "information") -> None:
        self.app.call_from_thread(partial(self.notify, text, severity=severity, markup=False))


def _duplicate(spec: Spec, cwd: Path) -> tuple[str, Undo]:
    from backend.compose.changes import duplicate

    changed = duplicate(spec, cwd)
    text = f"{one_line(str(changed.file))} is written; {undo_hint()}"
    return text, partial(_undo_record, changed.record)


def _undo_record(record: Path) -> str:
    from backend.compose.record import undo

    undone = undo(record)
    said = {
        "removed": undone.removed,
        "as before": undone.restored,
        "left, for it was changed since": len(undone.changed),
    }
    text = ", ".join(f"{counted(n, 'file')} {what}" for what, n in said.items() if n)
    return f"{one_line(str(undone.folder))}: {text or 'nothing is left of it'}"


def _rename_back(renamed: Renamed) -> str:
    from backend.compose.file_moves import rename_back

    rename_back(renamed)
    return f"Its name is {one_line(renamed.before.name)} again"


def _move_to_bin(files: Sequence[Path]) -> tuple[str, Undo]:
    from backend.compose.file_moves import move_to_bin

    binned: list[Binned] = []
    trouble: UpsampleError | None = None
    for file in files:
        try:
            binned.append(move_to_bin(file))
        except UpsampleError as error:
            trouble = error
            break
    if not binned and trouble is not None:
        raise trouble
    text = f"{counted(len(binned), 'file')} moved to the bin; {undo_hint()}"
    if trouble is not None:
        text += f". {one_line(trouble.problem)}"
    return text, partial(_take_from_bin, binned)


def _take_from_bin(binned: Sequence[Binned]) -> str:
    from backend.compose.file_moves import take_from_bin

    troubles: list[UpsampleError] = []
    for each in binned:
        try:
            take_from_bin(each)
        except UpsampleError as error:
            troubles.append(error)
    text = f"{counted(len(binned) - len(troubles), 'file')} brought back; the bin keeps what it has"
    return text + "".join(f"\n{one_line(trouble.problem)}" for trouble in troubles[:1])
