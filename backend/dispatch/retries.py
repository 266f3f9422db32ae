"""What is tried again by itself: how often, and after which pause. One row a kind of trouble.

What never helps is not tried: bad input stays bad, and a request that was answered with nonsense is
answered with the same again, because its seed is part of it. `upsample queue retry` tries anything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from backend.box.backoff import Pauses
from backend.errors import AnswerError, BoxError, BoxUnreachable, UpsampleError
from remote.protocol import ENGINE_ATTEMPTS, MOST_FALLS


class TroubleKind(StrEnum):
    """What can end an attempt, or keep a job from one."""

    INPUT = "input"
    """The spec, its video, its profile or its size: the job fails."""
    ANSWER = "answer"
    """An answer came, and there is no upsampled prompt in it: the job fails."""
    ENGINE = "engine"
    """The model server failed, broke off or hung. The box tries again, then the job fails."""
    RUNNER = "runner"
    """The runner died while it did the job. The box tries again, then it takes the job for the cause."""
    DISK = "disk"
    """The box has no room to keep the job: it stays in the queue. `--no-ui` leaves it there."""
    CONNECTION = "connection"
    """No way to the box, or it was lost: jobs wait, and those on the box go on. At the very beginning of a
    `--no-ui` somebody is there to mend it, and is told."""
    TRUST = "trust"
    """A host key, a login, a box that is set up wrong: jobs wait until the user changes something."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What is done about one kind of trouble."""

    attempts: int | None
    """In all; None for as long as it takes."""
    pauses: Pauses | None = None
    """Between two of them; None where there is none."""


RETRIES: Mapping[TroubleKind, Retry] = {
    TroubleKind.INPUT: Retry(attempts=1),
    TroubleKind.ANSWER: Retry(attempts=1),
    TroubleKind.ENGINE: Retry(attempts=ENGINE_ATTEMPTS),
    TroubleKind.RUNNER: Retry(attempts=MOST_FALLS),
    TroubleKind.DISK: Retry(attempts=None, pauses=Pauses(5.0, 300.0)),
    TroubleKind.CONNECTION: Retry(attempts=None, pauses=Pauses()),
    TroubleKind.TRUST: Retry(attempts=1),
}


def trouble_of(error: UpsampleError) -> TroubleKind:
    """What kind of trouble this is."""
    match error:
        case BoxUnreachable():
            return TroubleKind.CONNECTION
        case BoxError():
            return TroubleKind.TRUST
        case AnswerError():
            return TroubleKind.ANSWER
        case _:
            return TroubleKind.INPUT


def trouble_of_refusal(kind: str) -> TroubleKind:
    """What kind of trouble `Refused.kind` is."""
    return TroubleKind.DISK if kind == "disk" else TroubleKind.INPUT
