"""The sentences about the keys of the review, in the groups and order in which the help shows them."""

from __future__ import annotations

from tui.dialogs.keys import HelpGroups, HelpRow

HELP: HelpGroups = {
    "Decide": (
        HelpRow("accept: its file is written; on to the next", "accept accept"),
        HelpRow("reject: its file is as it was before", "reject"),
        HelpRow("edit in $EDITOR, and accept that", "edit"),
        HelpRow("rate higher, lower: up to five stars", "rate(1) rate(-1)"),
        HelpRow("write a note about it", "note"),
        HelpRow("undo the last decision", "undo"),
        HelpRow("mark; what follows is about all marked", "mark"),
        HelpRow("accept the best rated of each prompt", "accept_best"),
        HelpRow("accept all shown that have no lint", "accept_all"),
        HelpRow("draw another answer, with the next seed", "again"),
    ),
    "Look": (
        HelpRow("next, previous result", "move(1) move(-1) move(1) move(-1)"),
        HelpRow("the candidate before, the next one", "candidate(-1) candidate(1)"),
        HelpRow("compare with another candidate or run", "compare"),
        HelpRow(
            "in a JSON prompt: fold a part, all of it",
            "fold_part(True) fold_part(False) turn_part turn_all",
        ),
        HelpRow("play the video outside", "play"),
        HelpRow("the next lint, the one before", "lint(1) lint(-1)"),
        HelpRow("the texts, to scroll them; and back", "app.focus_next"),
        HelpRow("scroll the texts from the list", "scroll_texts(1) scroll_texts(-1)"),
        HelpRow("copy the result", "copy"),
    ),
    "Find": (
        HelpRow("filter: words, decisions, lints, rating:4+", "filter"),
        HelpRow("show all, undecided, with lints", "show"),
        HelpRow("back to the list; show all", "back"),
    ),
}
