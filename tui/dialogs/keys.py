"""What the keys do, by page: the table that the help shows. The bindings themselves are the widgets'."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """A key, or several that belong together, and what they do."""

    keys: str
    does: str


KEYS: dict[str, dict[str, tuple[Key, ...]]] = {
    "specs": {
        "Move": (
            Key("j k ↓ ↑", "next, previous spec"),
            Key("g G", "first, last spec"),
            Key("PgDn PgUp", "a page down, up"),
            Key("⏎", "the detail, to scroll it; on a folder: fold"),
            Key("d", "show or hide the detail"),
        ),
        "Mark": (
            Key("space", "mark and move on; on a folder: all of it"),
            Key("v", "begin a range; move; v or space marks it"),
            Key("a", "mark all that are shown, or none of them"),
            Key("i", "swap marked and unmarked"),
            Key("A", "take all marks away, hidden ones too"),
            Key("U", "undo the last change of marks"),
        ),
        "Find": (
            Key("/", "filter by words of the name or prompt"),
            Key("s S", "sort by a column; the other way round"),
            Key("o", "group by folder"),
            Key("← →", "fold, unfold a folder"),
            Key("e", "broken and skipped files, and why"),
            Key("Esc", "leave a range; the detail; the filter"),
        ),
        "Do": (
            Key("u", "upsample what is marked, or the current spec"),
            Key("t", "tokens: what it costs under other settings"),
            Key("r", "review its result"),
            Key("y", "copy the prompt"),
            Key("E", "open its file in $EDITOR"),
        ),
        "Filter terms": (
            Key("fits:no", "also near and yes"),
            Key("res:>480", "the shorter side; also res:1280x704"),
            Key("format:text", "and the other formats by name"),
            Key("state:done", "also new, queued, running, failed, cancelled"),
            Key("upsampled:yes", "also marked:yes"),
            Key("-rain", "without; - or ! before any part"),
            Key('"a b"', "as it stands"),
        ),
    },
    "queue": {
        "Jobs": (
            Key("c", "cancel, wherever the job is"),
            Key("p", "pause what is not sent yet, or let it go on"),
            Key("r", "try again what failed or was cancelled"),
            Key("K J < >", "send it earlier, later"),
            Key("t", "send it before all others"),
            Key("x", "take what has ended off the list"),
        ),
        "Queue": (
            Key("P", "hold it: what runs goes on, nothing new is sent"),
            Key("R", "reach the box now, not at the next try"),
            Key("f", "let the cursor follow what runs"),
            Key("⏎", "the text, to scroll it"),
        ),
    },
    "log": {
        "Move": (
            Key("j k ↓ ↑", "a line down, up"),
            Key("PgDn PgUp", "a page down, up"),
            Key("g", "the oldest line"),
            Key("G End", "the end, and follow it"),
            Key("h l ← →", "sideways"),
        ),
        "Find": (
            Key("/", "search"),
            Key("n N", "next, previous match"),
            Key("f", "only lines with these words"),
            Key("L", "all levels, warnings, errors"),
            Key("b", "all boxes, then each"),
            Key("tab", "one job, or all"),
            Key("Esc", "leave typing, selection, search, filters"),
        ),
        "Look": (
            Key("w", "wrap long lines"),
            Key("t", "time of day, how long ago, none"),
        ),
        "Take": (
            Key("v", "begin or end a selection"),
            Key("y", "copy the selection, or what is in sight"),
            Key("s", "save the selection, or all lines shown"),
        ),
    },
    "review": {
        "Decide": (
            Key("⏎ y", "accept: its file is written; on to the next"),
            Key("x", "reject: its file is as it was before"),
            Key("e", "edit in $EDITOR, and accept that"),
            Key("U", "undo the last decision"),
            Key("A", "accept all shown that have no lint"),
            Key("g", "draw another answer, with the next seed"),
        ),
        "Look": (
            Key("j k ↓ ↑", "next, previous result"),
            Key("[ ]", "the candidate before, the next one"),
            Key("n N", "the next lint, the one before"),
            Key("tab", "the texts, to scroll them; and back"),
            Key("J K", "scroll the texts from the list"),
            Key("c", "copy the result"),
        ),
        "Find": (
            Key("/", "filter by words, decisions, lints"),
            Key("f", "show all, undecided, with lints"),
            Key("Esc", "back to the list; show all"),
        ),
    },
    "settings": {
        "Move": (
            Key("j k ↓ ↑", "next, previous row"),
            Key("g G", "first, last row"),
            Key("→ ← h l", "show, fold away the settings of a box"),
        ),
        "Change": (
            Key("⏎", "edit the setting; on a box: use it"),
            Key("space", "yes or no, the next of a few, or edit"),
            Key("⌫", "take it out of your file: the default holds"),
            Key("u U", "undo the last change"),
            Key("e", "open your config.toml in $EDITOR"),
        ),
        "Boxes": (
            Key("a", "add a box"),
            Key("x", "remove a box"),
            Key("d", "doctor: look at all that a batch needs there"),
            Key("D", "the same, and start the model"),
            Key("r", "reach it now, if jobs wait for it"),
        ),
    },
    "app": {
        "Everywhere": (
            Key("1 … 5", "specs, queue, log, review, settings"),
            Key("l ,", "log, settings"),
            Key("?", "these keys"),
            Key("ctrl+p", "commands, themes among them"),
            Key("ctrl+z", "to the shell; fg comes back"),
            Key("q", "quit"),
        ),
    },
}
"""Pages, their groups, and the keys of each; "app" holds on all pages."""
