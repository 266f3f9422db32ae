"""The work that the review page does in threads: it reads results and makes decisions.

Each function opens the queue for itself and needs no runner, so results can be reviewed while another
process works on the queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from backend.errors import UpsampleError
from backend.planning.orders import order_another
from backend.results.decisions import FileChanges, decide, decide_all, undo
from backend.results.ratings import rate
from backend.results.review import Candidate, Review, load_review
from backend.store import Order, Store
from backend.store.decision import Decision
from tui.text import one_line
from tui.widgets.amounts import counted
from tui.widgets.own_keys import key_of


def read_review(queue: Path, known: Mapping[int, Candidate]) -> Review:
    """Read everything that there is to review. Raises QueueError."""
    with closing(Store(queue)) as store:
        return load_review(store, known)


def decide_one(queue: Path, number: int, decision: Decision, text: str | None) -> str:
    """Decide about one result; return what that did to files. Raises UpsampleError."""
    with closing(Store(queue)) as store:
        return _told(decide(store, number, decision, text))


def decide_many(
    queue: Path, numbers: Sequence[int], decision: Decision
) -> tuple[str, list[UpsampleError]]:
    """Accept or reject these results; return how many were, and the errors of the others."""
    with closing(Store(queue)) as store:
        _, troubles = decide_all(store, numbers, decision)
    decided = counted(len(numbers) - len(troubles), "result")
    return f"{decided} {decision}; {key_of('review.undo')} takes that back.", troubles


def rate_many(
    queue: Path, numbers: Sequence[int], stars: int | None, note: str | None
) -> tuple[str, list[UpsampleError]]:
    """Rate these results, or note something about them; return nothing to say, and the errors."""
    troubles: list[UpsampleError] = []
    with closing(Store(queue)) as store:
        for number in numbers:
            try:
                rate(store, number, stars, note)
            except UpsampleError as error:
                troubles.append(error)
    return "", troubles


def undo_last(queue: Path) -> str:
    """Undo the last decision; return what it was. Raises UpsampleError."""
    with closing(Store(queue)) as store:
        taken, outcome = undo(store)
        jobs = store.jobs(one.job for one in taken)
    if not taken:
        return "There is no decision to take back."
    what = one_line(jobs[0].name) if len(jobs) == 1 else counted(len(taken), "result")
    said = f"Taken back: {what} was {taken[0].decision}"
    files = _told(outcome)
    return f"{said}; {files}" if files else f"{said}."


def order_for(queue: Path, number: int) -> Order:
    """Return the order for another answer to a job's prompt. Raises UpsampleError."""
    with closing(Store(queue)) as store:
        return order_another(store, number)


def _told(outcome: FileChanges) -> str:
    if outcome.written:
        return f"{one_line(outcome.written[0].name)} is written."
    if outcome.taken_back:
        file = outcome.taken_back[0]
        return f"{one_line(file.name)} is {'as it was before' if file.exists() else 'taken away'}."
    return ""
