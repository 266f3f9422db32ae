"""The welcome dialog for somebody who has no config file and named no path."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.widgets.choice import Choices
from tui.widgets.own_keys import key_of
from tui.widgets.plain_text import PlainText

_WHAT = (
    "Short prompts for video world models become long, concrete ones.",
    "A vision-language model on your GPU box looks at a few video frames.",
    "Before anything is sent, you see its tokens and whether it fits.",
)


class Begin(Enum):
    """What a new user can begin with: a title, and a remark."""

    DEMO = ("Try the demo specs", "on the embedded box: no GPU, no SSH, no model")
    BOX = ("Add a box", "a GPU machine that you reach over SSH")
    FOLDER = ("Open a folder", "with prompt specs of yours")
    LATER = ("Look around", "")


class FirstRunScreen(ModalScreen[Begin | None]):
    """Says what the program does, and returns what the user wants to begin with."""

    CSS_PATH = ["dialog.tcss", "first_run.tcss"]  # noqa: RUF012 - as Textual has it
    AUTO_FOCUS = "Choices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "look around", key_display="esc"),
        Binding("j", "list('down')", "down", show=False),
        Binding("k", "list('up')", "up", show=False),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Welcome to upsample"
            dialog.border_subtitle = "⏎ chooses · Esc looks around"
            yield PlainText("\n".join(_WHAT))
            yield Choices(*(Option(_choice(begin), id=begin.name) for begin in Begin))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with the choice."""
        if event.option_id is not None:
            self.dismiss(Begin[event.option_id])

    def action_list(self, direction: str) -> None:
        """Move the cursor."""
        options = self.query_one(Choices)
        if direction == "down":
            options.action_cursor_down()
        else:
            options.action_cursor_up()


def _choice(begin: Begin) -> Content:
    title, what = begin.value
    if begin is Begin.LATER:
        what = f"{key_of('specs.help')} shows the keys"
    return Content.assemble((f"{title:<20}", "bold"), (what, "$foreground-muted"))
