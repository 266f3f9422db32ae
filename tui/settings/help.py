"""The sentences about the keys of the settings, in the groups and order in which the help shows them."""

from __future__ import annotations

from tui.dialogs.keys import HelpGroups, HelpRow

HELP: HelpGroups = {
    "Move": (
        HelpRow("next, previous row", "move(1) move(-1) move(1) move(-1)"),
        HelpRow("first, last row", "go_first go_last"),
        HelpRow(
            "show, fold away the settings of a box", "fold(False) fold(True) fold(True) fold(False)"
        ),
    ),
    "Change": (
        HelpRow("edit the setting; on a box: use it", "choose"),
        HelpRow("yes or no, the next of a few, or edit", "change"),
        HelpRow("take it out of your file: the default holds", "unset"),
        HelpRow("undo the last change", "undo undo"),
        HelpRow("open your config.toml in $EDITOR", "open_file"),
    ),
    "Boxes": (
        HelpRow("add a box", "add_box"),
        HelpRow("remove a box", "remove_box"),
        HelpRow("doctor: look at all that a batch needs there", "doctor(False)"),
        HelpRow("look at a box, and start the model there", "doctor(True)"),
        HelpRow("reach it now, if jobs wait for it", "reach"),
    ),
}
