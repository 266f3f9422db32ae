"""Errors in the background work of pages that only a defect of the program can cause.

The user is told of them and the app stays open: marks, decisions and written results are worth more than a
clean exit.
"""

from __future__ import annotations

import traceback

from textual.worker import Worker, WorkerState

from tui.host import host_of


class TellsDefects:
    """A base of apps and screens whose workers do not end the app. It tells the user of their errors, which
    nobody else would see.
    """

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell the user of the error that ended a worker."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            host_of(event.worker.node).tell_defect(error)


def describe_defect(error: BaseException) -> str:
    """Describe the error in a sentence or two. The text may hold data: make it harmless before showing it."""
    inmost = error
    while isinstance(inmost, BaseExceptionGroup):
        inmost = inmost.exceptions[0]
    what = "".join(traceback.format_exception_only(inmost)).strip()
    return f"A defect of upsample's own: {what}\nThe log (3) has the rest, for a report."
