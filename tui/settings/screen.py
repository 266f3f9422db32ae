"""The settings page: config.toml key by key, the boxes, and the keys that change them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content

from backend.box.ssh_config.host_names import ssh_config_hosts
from backend.config import user_file
from backend.config.edit import (
    ConfigChange,
    change_values,
    edit_user_file,
    preview_values,
    undo,
)
from backend.config.survey import SettingEntry, Survey, ValueKind, dotted, survey_settings
from backend.errors import ConfigError
from tui.dialogs.doctor import DoctorScreen
from tui.dialogs.question import QuestionDialog
from tui.settings.add_box import AddBoxDialog, NewBox
from tui.settings.editor import SettingEditor
from tui.settings.help import HELP
from tui.settings.rows import BoxGroup, Setting, SettingsListing, why_not_here
from tui.settings.setting_list import SettingList
from tui.settings.text import describe_group, describe_setting
from tui.shell.desk import Desk
from tui.shell.steady_app import CHANGES
from tui.shell.terminal import lend_terminal
from tui.shell.work import start_work
from tui.text import one_line, paragraphs
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.page import HELP_KEY, Page
from tui.widgets.plain_text import PlainText
from tui.widgets.row_list import CurrentChanged

_LOOKS: list[str | PurePath] = ["screen.tcss", "setting_list.tcss"]
_LOCAL = "local"
"""The embedded box, which always exists."""


class SettingsPage(Page):
    """Shows a list, and a pane that describes the current row. Every change goes to the user's file."""

    AUTO_FOCUS = "SettingList"
    HELP_GROUPS = HELP
    LIST = SettingList
    CSS_PATH = _LOOKS
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "settings",
        Binding("enter", "choose", "edit", key_display="⏎"),
        Binding("space", "change", "change", show=False),
        Binding("right,l", "fold(False)", "unfold", show=False),
        Binding("left,h", "fold(True)", "fold", show=False),
        Binding("backspace,delete", "unset", "default", key_display="⌫"),
        Binding("u,U", "undo", "undo"),
        Binding("a", "add_box", "add box"),
        Binding("x", "remove_box", "remove", show=False),
        Binding("d", "doctor(False)", "doctor"),
        Binding("D", "doctor(True)", "doctor, and start the model", show=False),
        Binding("r", "reach", "reach", show=False),
        Binding("e", "open_file", "open the file", show=False),
        HELP_KEY,
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.listing = SettingsListing()
        self._read_before = desk.settings
        self._undoable: list[ConfigChange] = []
        self._turn = asyncio.Lock()
        """Makes one change after the other."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body", classes="body"):
            with Vertical(id="settings"):
                yield PlainText(id="title")
                yield SettingList(self.listing, lambda name: self.host.live.boxes.get(name))
            with VerticalScroll(id="about", can_focus=False):
                yield SettingEditor(_check)
                yield PlainText(id="text")

    @property
    def setting_list(self) -> SettingList:
        return self.query_one(SettingList)

    @property
    def editor(self) -> SettingEditor:
        return self.query_one(SettingEditor)

    def on_mount(self) -> None:
        """Show the page first, and read the files afterwards."""
        self.call_after_refresh(self._read)

    def on_screen_resume(self) -> None:
        """Read the files again, because they may have been changed meanwhile."""
        if self.listing.survey is not None:
            self._read()

    def show_live(self) -> None:
        """Draw the state of the links again."""
        self.setting_list.refresh()
        if isinstance(self.listing.current, BoxGroup):
            self._show_current()

    # --- reading and showing ---

    def _read(self) -> None:
        start_work(self, self._survey, "survey", exclusive=True)

    async def _survey(self) -> None:
        async with self._turn:
            await self._take_files()

    async def _take_files(self) -> None:
        try:
            survey = await asyncio.to_thread(self._look)
        except ConfigError as error:
            self._tell(error)
            return
        self.take(survey)

    def _look(self) -> Survey:
        survey = survey_settings(self._desk.changes())
        survey.settings.box_named(None)  # one that is not there cannot be used
        return survey

    def take(self, survey: Survey) -> None:
        """Show these settings."""
        self.listing.take(survey)
        self._show()
        # Compared with what the files said before: for this session others may have been chosen.
        if survey.settings != self._read_before:
            self._read_before = survey.settings
            self.host.change_settings(survey.settings)

    def _show(self) -> None:
        file = one_line(str(shown_file()))
        there = "" if user_file().exists() else ", which is not there yet"
        title = Content.assemble(
            ("Settings", "bold"), (f"  changes go to {file}{there}", "$foreground-muted")
        )
        self.query_one("#title", PlainText).update(title)
        self.setting_list.show_rows()
        self._show_current()

    @on(CurrentChanged)
    def _show_current(self) -> None:
        row = self.listing.current
        text = Content()
        if isinstance(row, Setting):
            text = describe_setting(row.entry)
        elif isinstance(row, BoxGroup):
            text = describe_group(row, self.host.live.boxes.get(row.name))
        self.query_one("#text", PlainText).update(text)

    def _tell(self, error: ConfigError) -> None:
        self.notify(paragraphs(str(error)), title="Settings", severity="error", markup=False)

    # --- changing ---

    def _change(self, changes: Mapping[str, str | None], told: str, go_to: str = "") -> None:
        async def change() -> None:
            async with self._turn:
                try:
                    done = await asyncio.to_thread(change_values, changes)
                except ConfigError as error:
                    self._tell(error)
                    return
                try:
                    survey = await asyncio.to_thread(self._look)
                except ConfigError as error:
                    # By itself it is right; with what the other layers say it is not.
                    await self._undo(done)
                    self._tell(error)
                    return
                self._undoable.append(done)
                self.take(survey)
                if go_to:
                    self.listing.go_to(go_to)
                    self._show()
                self.notify(
                    f"{one_line(told)}; {key_of('settings.undo')} undoes it",
                    markup=False,
                    timeout=3,
                )

        start_work(self, change, CHANGES)

    def _set(self, entry: SettingEntry, value: str) -> None:
        self._change({entry.key: value}, f"{entry.key} = {value}")

    def _changeable(self) -> SettingEntry | None:
        """Return the setting under the cursor; if it cannot be changed here, say why."""
        row = self.listing.current
        if not isinstance(row, Setting):
            return None
        if why := why_not_here(row.entry.name, row.entry.source):
            self.notify(one_line(why), severity="warning", markup=False)
            return None
        return row.entry

    def action_choose(self) -> None:
        """Edit the setting, or use the box."""
        row = self.listing.current
        if isinstance(row, BoxGroup):
            self._use(row)
        else:
            self.action_change()

    def action_change(self) -> None:
        """Give the setting its next value, or edit it; unfold a box."""
        if isinstance(self.listing.current, BoxGroup):
            self.action_fold(None)
            return
        entry = self._changeable()
        if entry is None:
            return
        if entry.kind is ValueKind.FLAG:
            self._set(entry, "false" if entry.value else "true")
        elif entry.kind is ValueKind.CHOICE:
            at = entry.choices.index(entry.text) if entry.text in entry.choices else -1
            self._set(entry, entry.choices[(at + 1) % len(entry.choices)])
        elif "\n" in entry.text:
            self.notify(
                f"It has several lines: {key_of('settings.open-the-file')} opens the file.",
                markup=False,
            )
        else:
            self.add_class("-editing")
            self.editor.edit(entry)
            self.query_one("#about").scroll_home(animate=False)

    @on(SettingEditor.Edited)
    def _take_edit(self, message: SettingEditor.Edited) -> None:
        self._close_editor()
        if message.text != message.entry.text:
            self._set(message.entry, message.text)

    @on(SettingEditor.GivenUp)
    def _close_editor(self) -> None:
        self.remove_class("-editing")
        self.setting_list.focus()
        self.editor.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Give the keys of the list to the editor while the user types a value."""
        bindings = (binding for binding in self.BINDINGS if isinstance(binding, Binding))
        own = {binding.action.partition("(")[0] for binding in bindings}
        return not (self.has_class("-editing") and action in own | {"help"})

    def action_unset(self) -> None:
        """Remove the setting from the user's file."""
        entry = self._changeable()
        if entry is None:
            return
        if entry.source.key != entry.key or entry.source.name != str(user_file()):
            self.notify(f"{one_line(entry.name)} is not set in your file.", markup=False)
            return
        self._change({entry.key: None}, f"{entry.key} is what it is by default")

    def action_undo(self) -> None:
        """Undo the last change that was made here."""
        if not self._undoable:
            self.notify("Nothing was changed here.", markup=False)
            return
        start_work(self, self._take_back, CHANGES)

    async def _take_back(self) -> None:
        async with self._turn:
            if not self._undoable:
                return  # another undo was faster
            if not await self._undo(self._undoable[-1]):
                return  # it can be tried again
            self._undoable.pop()
            self.notify("Undone.", markup=False, timeout=3)
            await self._take_files()

    async def _undo(self, change: ConfigChange) -> bool:
        """Undo a change; return whether that worked, and if not, say why."""
        try:
            await asyncio.to_thread(undo, change)
        except ConfigError as error:
            self._tell(error)
            return False
        return True

    def action_fold(self, folded: bool | None) -> None:
        """Fold or unfold a box."""
        self.listing.fold(folded)
        self.setting_list.show_rows()
        self._show_current()

    async def action_open_file(self) -> None:
        """Open the user's file in the user's editor, and read it again afterwards."""
        await lend_terminal(self.app, edit_user_file)
        self._read()

    # --- boxes ---

    def _use(self, group: BoxGroup) -> None:
        survey = self.listing.survey
        if survey is None or group.box is None or group.chosen:
            return
        if why := why_not_here("box", survey.source_of(["box"])):
            self.notify(one_line(why), severity="warning", markup=False)
        else:
            self._change({"box": group.name}, f"{group.name} is used from now on")

    def action_add_box(self) -> None:
        """Ask for a new box."""
        survey = self.listing.survey
        if survey is None:
            return

        def add(box: NewBox | None) -> None:
            if box is not None:
                self._change(box.changes(), f"{box.name} is added", go_to=box.name)

        taken = set(survey.settings.boxes)
        self.app.push_screen(AddBoxDialog(ssh_config_hosts(), taken, preview_values), add)

    def action_remove_box(self) -> None:
        """Ask, and then remove a box from the user's file."""
        name, survey = self.listing.box, self.listing.survey
        if not name or survey is None:
            self.notify("Move to a box to remove it.", markup=False)
            return
        source = survey.source_of(["boxes", name])
        if name == _LOCAL or source.name != str(user_file()):
            why = (
                "The embedded box is always there."
                if name == _LOCAL
                else f"It is in {source.name}."
            )
            self.notify(one_line(why), severity="warning", markup=False)
            return
        changes: dict[str, str | None] = {}
        if survey.settings.box == name and survey.source_of(["box"]).name == str(user_file()):
            changes["box"] = None
        changes[dotted(("boxes", name))] = None

        def remove(sure: bool | None) -> None:
            if sure:
                self._change(changes, f"{name} is removed")

        text = (
            f"{one_line(name)} and its settings are taken out of your file. Jobs for it stay in the "
            "queue. Nothing changes on the box itself."
        )
        title = f"Remove {one_line(name)}?"
        question = QuestionDialog(title, text, "remove it", default=False)
        self.app.push_screen(question, remove)

    def action_doctor(self, start: bool) -> None:
        """Examine the box that the cursor is on, or else the one that is used."""
        survey = self.listing.survey
        if survey is not None:
            name = self.listing.box or survey.settings.box
            self.app.push_screen(DoctorScreen(name, self.host.asker, start=start))

    def action_reach(self) -> None:
        """Reach the box now, if jobs wait for it."""
        name = self.listing.box
        if not name:
            self.notify("Move to a box to reach it.", markup=False)
        elif self.host.runner is None:
            self.notify("The queue is not open, so no box is reached.", markup=False)
        else:
            self.host.runner.try_again(name)
            self.notify(f"{one_line(name)} is reached now if jobs wait for it.", markup=False)


def shown_file() -> Path:
    """Return the path of the user's file as the page shows it."""
    return user_file()


def _check(entry: SettingEntry, text: str) -> None:
    preview_values({entry.key: text})
