"""Decides whether an answer is taken, or another one is drawn: answers may have to be a JSON object."""

from __future__ import annotations

from backend.config.profiles.cleaning import Cleaned
from backend.errors import AnswerError
from backend.results.writing import profile_of, prompt_in
from backend.store import Draw, Job, Store
from remote.protocol import Answer


class DrawAgain(Exception):
    """The answer was not taken, and another one is asked for. `str` is what was wrong with it."""

    def __init__(self, job: Job, most: int, problem: str) -> None:
        """`job` is the job with its next draw, and `most` how many draws it may have."""
        super().__init__(problem)
        self.job = job
        self.most = most


def awaited_identity(job: Job) -> str | None:
    """Return the identity of the request whose answer a job may still get; None for an answer that was not
    taken.
    """
    is_drawn = any(draw.identity == job.identity for draw in job.draws)
    return None if is_drawn else job.identity


def judge(store: Store, job: Job, answer: Answer) -> Cleaned:
    """Return the prompt in an answer. Blocks.

    Raises DrawAgain, and UpsampleError when the job has failed. An answer that is not taken is stored as a
    draw, and in the same transaction the job waits again. So nothing is drawn twice, whenever this ends.
    """
    profile = profile_of(job)
    if profile.answer.format == "text":
        return prompt_in(answer, job, profile)
    # Not the job as it was queued: what is to be made was worked out with its request.
    (job,) = store.jobs([job.number])
    try:
        return prompt_in(answer, job, profile)
    except AnswerError as error:
        # A run that was killed may have noted it, and not that the job has failed.
        is_noted = awaited_identity(job) is None
        goes_on = len(job.draws) + (not is_noted) < profile.answer.draws
        if not is_noted:
            store.note_draw(job, _draw_of(store, job, answer, error.problem), again=goes_on)
        if goes_on:
            (again,) = store.jobs([job.number])
            raise DrawAgain(again, profile.answer.draws, error.problem) from error
        raise


def _draw_of(store: Store, job: Job, answer: Answer, problem: str) -> Draw:
    return Draw(
        store.request(job.number).sampling.seed,
        job.identity or "",
        problem,
        answer.prompt_tokens,
        answer.completion_tokens,
        answer.cost,
    )
