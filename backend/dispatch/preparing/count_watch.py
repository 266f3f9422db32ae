"""Compares what a box counts with the estimates, and corrects them where a profile does not fit its model.

The first answers tell. What they say is kept for later runs (`planning.box_counts`). It is about one model as
the box serves it, and is dropped when the box serves another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from threading import Lock

from backend.config import Estimator, load_profile, queued_settings
from backend.errors import ConfigError, ResultError
from backend.events import EstimateCorrected, Event
from backend.planning.box_counts import (
    BoxCounts,
    count_request,
    describe_drift,
    find_fitting,
    forget_counts,
    keep_counts,
    read_counts,
)
from backend.store import Job, Store
from backend.tokens import TextCounter, expected_tokens, fits_family
from remote.protocol import Answer, Request

_MOST_TOKENS = 10_000_000
"""Tokens of a request that are believed. No model takes so many."""
_ENOUGH = 5
"""Counts after which those are passed over that are as expected."""
_AS_MEASURED = 2
"""Tokens by which a count may differ from measured rules and still be as expected."""


class CountWatch:
    """What one box counts, as its answers say. Threads may share it."""

    def __init__(self, store: Store, box: str, watch: Callable[[Event], None]) -> None:
        """`watch` is called, on the event loop, with what changes the estimates."""
        self._store = store
        self._box = box
        self._watch = watch
        self._counter = TextCounter()
        self._lock = Lock()
        self._counts = read_counts(box)
        """What is known: also counts that agree with the estimates, which are not kept in a file."""
        self._is_kept = self._counts is not None

    @property
    def correcting(self) -> BoxCounts | None:
        """What corrects the estimates now; None when nothing does."""
        return self._counts if self._is_kept else None

    def confirm(self, model: str, serves: str) -> None:
        """Drop what is known if it is about another model than the box has now. Blocks."""
        with self._lock:
            if self._counts is not None and not self._counts.is_of(model, serves):
                self._drop()

    async def hear(self, jobs: Collection[int], answer: Answer) -> None:
        """Note what the box has counted for the request of these jobs."""
        if answer.prompt_tokens is None:
            return
        # Without the request, the vocabulary or the profile there is nothing to compare with.
        with suppress(KeyError, ConfigError):
            noted = await asyncio.to_thread(self._note_jobs, jobs, answer.prompt_tokens)
            if noted is not None:
                self._watch(noted)

    def _note_jobs(self, jobs: Collection[int], tokens: int) -> EstimateCorrected | None:
        for job in self._store.jobs(jobs)[:1]:
            return self.note(job, self._store.request(job.number), tokens)
        return None

    def note(self, job: Job, request: Request, tokens: int) -> EstimateCorrected | None:
        """Note what was counted for a request; return the event if that changes the estimates. Blocks.

        The event has words when the user has not read them before. Raises ConfigError without a vocabulary,
        and when the job's profile is gone.
        """
        if not 0 < tokens <= _MOST_TOKENS:
            return None
        counted = count_request(request, tokens, self._counter)
        if counted is None or queued_settings(job.settings).estimator is Estimator.LINEAR:
            return None
        profile = load_profile(request.profile)
        family = profile.family
        with self._lock:
            if self._counts is not None and not self._counts.is_of(request.model, request.engine):
                self._drop()
            counts = self._counts or BoxCounts(
                box=self._box, model=request.model, serves=request.engine
            )
            before = counts.family_of(family, has_system=counted.has_system)
            off = abs(expected_tokens(before, counted) - tokens)
            expected = off <= _AS_MEASURED if before.measured else fits_family(family, counted)
            if expected and len(counts.counted) >= _ENOUGH:
                return None
            counts = self._counts = counts.with_count(counted, family)
            found = counts.correction(family, has_system=counted.has_system)
            after = counts.family_of(family, has_system=counted.has_system)
            words = ""
            if found is not None and profile.name not in counts.told:
                words = describe_drift(counts, profile, counted)
                counts = self._counts = counts.with_told(profile.name)
            self._keep(counts, is_needed=found is not None)
        if not words and after == before:
            return None
        fitting, _ = find_fitting(counts.counted) if found else ((), "")
        return EstimateCorrected(self._box, counts.model, profile.name, fitting, words)

    def _keep(self, counts: BoxCounts, *, is_needed: bool) -> None:
        """Keep the counts in a file if they correct anything, and remove the file of those that do not."""
        with suppress(ResultError):  # later runs would have to learn it again
            if is_needed or self._corrects_other_requests(counts):
                keep_counts(counts)
                self._is_kept = True
            elif self._is_kept:
                self._is_kept = False
                forget_counts(self._box)

    def _corrects_other_requests(self, counts: BoxCounts) -> bool:
        """Whether the counts still correct requests of another profile, or with another kind of template."""
        for name in counts.told:
            with suppress(ConfigError):
                family = load_profile(name).family
                if any(counts.correction(family, has_system=each) for each in (True, False)):
                    return True
        return False

    def _drop(self) -> None:
        self._counts = None
        if self._is_kept:
            self._is_kept = False
            with suppress(ResultError):
                forget_counts(self._box)
