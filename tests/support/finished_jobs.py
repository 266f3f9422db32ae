"""Jobs that are done, without a box: specs on the disk, queued as `orders` makes them, and answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backend.config import Layer, check_layers, load_profile
from backend.planning.generation import generation_of
from backend.planning.orders import Batch, make_jobs
from backend.specs.model import Spec
from backend.specs.reading import read_file
from backend.store import Job, Order, State, Store
from remote.protocol import Answer, FrameInfo, Request, Sampling

ANSWER = Answer(
    text="A long, warm dusk over the docks.",
    finish_reason="stop",
    engine="vllm 0.32.0",
    prompt_tokens=2479,
    completion_tokens=9,
    runner="0123456789ab",
    notice="",
    attempt=1,
    started=1000.0,
    ended=1002.5,
)


@dataclass
class Finisher:
    """Queues specs and answers them."""

    store: Store
    out: Path
    """The folder for results."""
    profile: str = "transfer1"

    def queue(
        self, file: Path, *, review: bool = True, candidates: int = 1, seed: int = 0
    ) -> list[Job]:
        """The jobs for a spec file, queued."""
        settings = check_layers([Layer("these", {"upsampling": {"profile": self.profile}})])
        batch = Batch(
            "local",
            settings.boxes["local"],
            settings.upsampling,
            self.out,
            candidates=candidates,
            seed=seed,
            review=review,
        )
        specs = [spec for spec in read_file(file, Path()) if isinstance(spec, Spec)]
        return self.store.queue(make_jobs(specs, [file], batch))

    def finish(
        self,
        file: Path,
        *texts: str,
        review: bool = True,
        candidates: int = 1,
        seed: int = 0,
        reason: str = "stop",
    ) -> list[Job]:
        """The jobs for a spec file, done with these texts, the last of which goes on."""
        jobs = self.queue(file, review=review, candidates=candidates, seed=seed)
        return self.answer(jobs, texts or (ANSWER.text,), reason)

    def answer(self, jobs: Sequence[Job], texts: Sequence[str], reason: str = "stop") -> list[Job]:
        """The same jobs, done."""
        for n, job in enumerate(jobs):
            self._answer(job, texts[min(n, len(texts) - 1)], reason)
        return self.store.jobs(job.number for job in jobs)

    def _answer(self, job: Job, text: str, reason: str) -> None:
        made = generation_of(job.target, None) if load_profile(self.profile).uses_target else None
        identity = self.store.set_request(
            job.number, request_of(job), ANSWER.prompt_tokens or 0, made
        )
        answer = replace(
            ANSWER, text=text, finish_reason=reason, completion_tokens=len(text.split()) * 4 // 3
        )
        self.store.keep_answer(identity, job.box, answer)
        self.store.set_state(job.number, State.DONE)


def request_of(job: Order) -> Request:
    """The request that would be made for a job with two frames."""
    frames = (FrameInfo("ab" * 32, 640, 480, 1.25), FrameInfo("cd" * 32, 640, 480, 3.75))
    return Request(
        profile="transfer1",
        model="/models/Cosmos-UpsamplePrompt1-12B-Transfer",
        system="",
        prompt=job.prompt,
        frames=frames,
        sampling=Sampling(0.6, 300, job.seed + job.candidate),
        candidate=job.candidate,
    )
