"""Errors that only a defect of the program brings, in work that goes on behind a page. They are told, and the
app stays: what is marked, decided or written is worth more than a clean end.
"""

from __future__ import annotations

import traceback

from textual.worker import Worker, WorkerState

from tui.host import host_of


class TellsDefects:
    """For apps and screens whose workers do not end the app: nobody else hears of their errors."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell what ended a worker."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            host_of(event.worker.node).tell_defect(error)


def describe_defect(error: BaseException) -> str:
    """What broke, in a sentence or two. Data may be in it: sanitise before showing."""
    inmost = error
    while isinstance(inmost, BaseExceptionGroup):
        inmost = inmost.exceptions[0]
    what = "".join(traceback.format_exception_only(inmost)).strip()
    return f"A defect of upsample's own: {what}\nThe log (3) has the rest, for a report."


def trace_defect(error: BaseException) -> str:
    """Where it broke, as Python tells it, in many lines."""
    return "".join(traceback.format_exception(error)).rstrip()
