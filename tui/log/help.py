"""The sentences about the keys of the log, in the groups and order in which the help shows them."""

from __future__ import annotations

from tui.dialogs.keys import HelpGroups, HelpRow

HELP: HelpGroups = {
    "Move": (
        HelpRow("a line down, up", "move(1) move(-1) move(1) move(-1)"),
        HelpRow("a page down, up", "page(1) page(-1)"),
        HelpRow("the oldest line", "go_first"),
        HelpRow("the end, and follow it", "follow follow"),
        HelpRow("sideways", "sideways(-1) sideways(1) sideways(-1) sideways(1)"),
    ),
    "Find": (
        HelpRow("search", "ask('SEARCH')"),
        HelpRow("next, previous match", "next(1) next(-1)"),
        HelpRow("only lines with these words", "ask('FILTER')"),
        HelpRow("all levels, warnings, errors", "level"),
        HelpRow("all boxes, then each", "box"),
        HelpRow("one job, or all", "job"),
        HelpRow("leave typing, selection, search, filters", "back"),
    ),
    "Look": (
        HelpRow("wrap long lines", "wrap"),
        HelpRow("time of day, how long ago, none", "times"),
    ),
    "Take": (
        HelpRow("begin or end a selection", "choose"),
        HelpRow("copy the selection, or what is in sight", "copy"),
        HelpRow("save the selection, or all lines shown", "ask('FILE')"),
    ),
}
