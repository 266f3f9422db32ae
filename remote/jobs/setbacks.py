"""Remembers what went wrong in the earlier attempts at jobs that have not ended."""

from __future__ import annotations

from collections import Counter

from remote.protocol import ENGINE_ATTEMPTS

_SUSPICIOUS_LOSSES = 2
"""Losses after which a job is no more started together with another one that had so many."""


class Setbacks:
    """The attempts that ended without an answer. It is kept in memory: after a restart of the daemon, a job
    has all its attempts at an engine that fails again. What counts across restarts is on the board.
    """

    def __init__(self) -> None:
        self._engine_errors: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}

    def reason(self, job: str) -> str:
        """What ended the attempt before; empty if there was none, or if the job was not to blame for it."""
        return self._reasons.get(job, "")

    def note_error(self, job: str, error: Exception) -> bool:
        """Count an attempt in which the engine failed; return whether the job may be tried again."""
        self._reasons[job] = str(error)
        self._engine_errors[job] += 1
        return self._engine_errors[job] < ENGINE_ATTEMPTS

    def note_loss(self, job: str, error: Exception, *, counts: bool = True) -> None:
        """Note an attempt whose replica has gone. The board counts these, too, across restarts. One that
        somebody has ended on purpose does not count.
        """
        self._reasons[job] = str(error)
        self._losses[job] += counts

    def suspects(self) -> frozenset[str]:
        """The jobs that may be the cause of losses, because they had so many.

        What is lost together waits together and would start together. One request that ends each replica
        would make its neighbours fail with it, and they could not be told from it.
        """
        return frozenset(job for job, n in self._losses.items() if n >= _SUSPICIOUS_LOSSES)

    def forget(self, job: str) -> None:
        """The job has ended."""
        self._reasons.pop(job, None)
        self._engine_errors.pop(job, None)
        self._losses.pop(job, None)
