"""The sentences about the keys of the list of specs, in the groups and order in which the help shows them."""

from __future__ import annotations

from tui.dialogs.keys import HelpGroups, HelpRow

HELP: HelpGroups = {
    "Move": (
        HelpRow("next, previous spec", "move(1) move(-1) move(1) move(-1)"),
        HelpRow("first, last spec", "go_first go_last"),
        HelpRow("a page down, up", "page(1) page(-1)"),
        HelpRow("the detail, to scroll it; on a folder: fold", "read"),
        HelpRow(
            "in a JSON prompt: fold a part, all of it",
            "fold_part(True) fold_part(False) turn_part turn_all",
        ),
        HelpRow("show or hide the detail", "toggle_detail"),
    ),
    "Mark": (
        HelpRow("mark and move on; on a folder: all of it", "mark"),
        HelpRow("begin a range; move; v or space marks it", "range"),
        HelpRow("mark all that are shown, or none of them", "mark_all"),
        HelpRow("swap marked and unmarked", "invert"),
        HelpRow("take all marks away, hidden ones too", "clear_marks"),
        HelpRow("undo the last change of marks", "undo_marks"),
    ),
    "Find": (
        HelpRow("filter by words of the name or prompt", "filter"),
        HelpRow("sort by a column; the other way round", "sort reverse"),
        HelpRow("group by folder", "group"),
        HelpRow("choose the columns", "columns"),
        HelpRow("fold, unfold a folder", "fold(True) fold(False)"),
        HelpRow("broken and skipped files, and why", "problems"),
        HelpRow("leave a range; the detail; the filter", "back"),
    ),
    "Do": (
        HelpRow("upsample what is marked, or the current spec", "upsample"),
        HelpRow("send prompts that are upsampled already, too", "include_upsampled"),
        HelpRow("tokens: what it costs under other settings", "tokens"),
        HelpRow("review its result", "review"),
        HelpRow("copy the prompt", "copy"),
        HelpRow("open its file in $EDITOR", "edit"),
        HelpRow("edit the prompt, with its tokens", "edit_prompt"),
        HelpRow("a new spec; copy this one to a file of its own", "new_spec duplicate"),
        HelpRow("make specs of prompts, videos and styles", "compose_specs"),
        HelpRow("rename its file; move it to the bin", "rename bin"),
        HelpRow("undo what was done to files", "undo_files"),
    ),
    "Filter terms": (
        HelpRow("also near and yes", term="fits:no"),
        HelpRow("the shorter side; also res:1280x704", term="res:>480"),
        HelpRow("and the other formats by name", term="format:text"),
        HelpRow("also t2v, i2v, v2v, t2i, or text2video …", term="mode:transfer"),
        HelpRow("also new, queued, running, failed, cancelled", term="state:done"),
        HelpRow("also marked:yes", term="upsampled:yes"),
        HelpRow("files that upsample wrote", term="result:yes"),
        HelpRow("without; - or ! before any part", term="-rain"),
        HelpRow("as it stands", term='"a b"'),
    ),
}
