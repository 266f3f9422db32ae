"""The sentences about the keys of the queue, in the groups and order in which the help shows them."""

from __future__ import annotations

from tui.dialogs.keys import HelpGroups, HelpRow

HELP: HelpGroups = {
    "Jobs": (
        HelpRow("cancel, wherever the job is", "cancel"),
        HelpRow("pause what waits, or let it go on", "pause"),
        HelpRow("try again what failed or was cancelled", "retry"),
        HelpRow(
            "send it earlier, later", "arrange('up') arrange('down') arrange('up') arrange('down')"
        ),
        HelpRow("send it before all others", "arrange('top')"),
        HelpRow("give it to another box, or all that its box has", "reassign"),
        HelpRow("take what has ended off the list", "clear"),
    ),
    "Queue": (
        HelpRow("hold it: what runs goes on, nothing new is sent", "hold"),
        HelpRow("the replicas of a box: drain one, start one anew", "replicas"),
        HelpRow("reach the box now, not at the next try", "try_again"),
        HelpRow("give back the GPU of a box whose model is idle", "give_back"),
        HelpRow("let the cursor follow what runs", "follow"),
        HelpRow("the text, to scroll it", "read"),
    ),
}
