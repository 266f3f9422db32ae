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


def judge(store: Store, job: Job, answer: Answer) -> Cleaned:
    """Return the prompt in an answer. Blocks.

    Raises DrawAgain, and UpsampleError when the job has failed. An answer that is not taken is stored as a
    draw, and in the same transaction the job waits again. So nothing is drawn twice, whenever this ends.
    """
    profile = profile_of(job)
    if profile.answer.format == "text":
        return prompt_in(answer, job)
    # Not the job as it was queued: what is to be made was worked out with its request.
    (job,) = store.jobs([job.number])
    try:
        return prompt_in(answer, job)
    except AnswerError as error:
        seed = store.request(job.number).sampling.seed
        draw = Draw(
            seed,
            job.identity or "",
            error.problem,
            answer.prompt_tokens,
            answer.completion_tokens,
        )
        goes_on = len(job.draws) + 1 < profile.answer.draws
        store.note_draw(job, draw, again=goes_on)
        if goes_on:
            (again,) = store.jobs([job.number])
            raise DrawAgain(again, profile.answer.draws, error.problem) from error
        raise
