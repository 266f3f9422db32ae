"""Says what is retried automatically, how often, and after which pause: one row for each kind of trouble.

A retry that cannot help is not made: bad input stays bad, and a request that was answered with nonsense gets
the same answer again, because the seed is part of it. `upsample queue retry` retries any job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from backend.box.links.backoff import Pauses
from backend.errors import AnswerError, BoxError, BoxUnreachable, UpsampleError
from remote.protocol import ENGINE_ATTEMPTS, MOST_FALLS, MOST_LOSSES


class TroubleKind(StrEnum):
    """A kind of trouble that ends an attempt at a job or prevents it."""

    INPUT = "input"
    """The spec, its video, its profile or its size cannot be used: the job fails."""
    ANSWER = "answer"
    """An answer arrived and contains no upsampled prompt: the job fails."""
    ENGINE = "engine"
    """The model server failed, broke off or hung at this request. The box tries again, then the job fails. A
    server that is away for every request is no trouble of a job: the box waits for it, and counts nothing."""
    REPLICA = "replica"
    """The replica of a cluster that was to answer has gone. The box tries the job elsewhere, and treats it as
    the cause when it has lost too many."""
    RUNNER = "runner"
    """The runner died during the job. The box tries again, then it treats the job as the cause."""
    DISK = "disk"
    """The box has no disk space to keep the job: the job stays in the queue. `--no-ui` leaves it there."""
    CONNECTION = "connection"
    """The box cannot be reached, or the connection was lost: jobs wait, and jobs on the box go on. A
    `--no-ui` run that cannot connect at its beginning reports it at once, because a user is there to mend
    it; one that makes no progress for `queue.give_up_after` seconds ends, too. A login that is refused after
    a link was live is of this kind: `LinkKeeper` tries it again."""
    TRUST = "trust"
    """A host key or the first login is refused, or the box is set up wrong: jobs wait until the user changes
    that."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How one kind of trouble is retried."""

    attempts: int | None
    """The most attempts, the first included; None for no limit."""
    pauses: Pauses | None = None
    """Pauses between two attempts; None where there are none."""


RETRIES: Mapping[TroubleKind, Retry] = {
    TroubleKind.INPUT: Retry(attempts=1),
    TroubleKind.ANSWER: Retry(attempts=1),
    TroubleKind.ENGINE: Retry(attempts=ENGINE_ATTEMPTS),
    TroubleKind.REPLICA: Retry(attempts=MOST_LOSSES + 1),
    TroubleKind.RUNNER: Retry(attempts=MOST_FALLS),
    TroubleKind.DISK: Retry(attempts=None, pauses=Pauses(5.0, 300.0)),
    TroubleKind.CONNECTION: Retry(attempts=None, pauses=Pauses()),
    TroubleKind.TRUST: Retry(attempts=1),
}


MOST_RESENT = 3
"""How often a request is sent again in one run because the box has lost its pictures."""


def trouble_of(error: UpsampleError) -> TroubleKind:
    """Return the kind of trouble that an error belongs to."""
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
    """Return the kind of trouble that a `Refused.kind` belongs to."""
    return TroubleKind.DISK if kind == "disk" else TroubleKind.INPUT
