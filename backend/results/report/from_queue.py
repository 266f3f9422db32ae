"""Collects what a report tells of the queue's results."""

from __future__ import annotations

from functools import lru_cache

from backend.config import Upsampling, queued_settings
from backend.errors import ConfigError
from backend.results.report.how_made import read_provenance
from backend.results.report.reported import Reported, ReportedPrompt, ReportedResult
from backend.results.review import Reviewed, load_review
from backend.store import Store
from backend.store.decision import Decision
from backend.video import FrameSampling


def report_of_queue(store: Store, *, undecided: bool = False) -> Reported:
    """Return all results of the queue, or only those that wait for a decision. Blocks."""
    review = load_review(store)
    settings = lru_cache(maxsize=64)(_settings_of)
    found = []
    for prompt in review.prompts:
        results = tuple(
            ReportedResult(
                each.number,
                each.decision,
                each.result.prompt,
                each.lints,
                read_provenance(each.result.provenance),
            )
            for each in prompt.candidates
            if not undecided or each.decision is Decision.UNDECIDED
        )
        if results:
            last = prompt.candidates[-1].result.job.settings
            found.append(_prompt(prompt, settings(last), results))
    return Reported(tuple(found), review.troubles)


def _prompt(
    prompt: Reviewed, settings: Upsampling | None, results: tuple[ReportedResult, ...]
) -> ReportedPrompt:
    job = prompt.candidates[-1].result.job
    return ReportedPrompt(
        name=prompt.name,
        original=job.prompt,
        file=prompt.place,
        entry=prompt.entry,
        media=() if job.video is None else (job.video, *job.controls),
        fps=job.target.fps,
        sampling=settings.frame_sampling if settings else FrameSampling.UNIFORM,
        token_limit=settings.max_tokens - settings.reserve if settings else None,
        results=results,
    )


def _settings_of(queued: str) -> Upsampling | None:
    """Return the settings that a job was queued with; None when they hold no more."""
    try:
        return queued_settings(queued)
    except ConfigError:
        return None
