"""Makes the event of a job that is done."""

from __future__ import annotations

from backend.events import JobDone
from backend.store import Job
from remote.protocol import Answer


def done_event(job: Job, prompt: str, answer: Answer, cost: float | None) -> JobDone:
    """Return the event for a job that is done with this answer, in which the prompt was found."""
    return JobDone(
        job=job.number,
        name=job.name,
        prompt=prompt,
        finish_reason=answer.finish_reason,
        engine=answer.engine,
        seconds=answer.ended - answer.started,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cost=cost,
    )
