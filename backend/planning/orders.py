"""Specs and settings as jobs for the queue: where each result will go, and what makes two jobs the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from backend.config import BoxSettings, Upsampling
from backend.config.profiles import load_profile
from backend.results.review import done_job, place_of
from backend.specs.media import choose_media
from backend.specs.model import Spec
from backend.store import Job, Order, Store

T = TypeVar("T", bound=Order)

MOST_CANDIDATES = 99
"""Answers to one prompt that a batch may ask for."""
GREATEST_SEED = 2**31 - 1
"""Every engine takes it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is the same for all specs of one command."""

    box: str
    box_settings: BoxSettings
    settings: Upsampling
    save_dir: Path
    candidates: int = 1
    seed: int = 0
    force: bool = False
    """Whether results may replace files that somebody else made."""
    review: bool = False
    """Whether results wait until they are accepted, see `backend.results.review`."""


def make_jobs(specs: Iterable[Spec], named: Sequence[Path], batch: Batch) -> list[Order]:
    """The jobs for these specs, `batch.candidates` for each.

    `named` are the files and folders that the user gave: results keep their place below a folder. Two
    specs that would go to one file are told apart by a hash of their own path. Several candidates have
    a file each, NAME-1 and so on, and NAME is for the one that is chosen; for a review they have only
    that.
    """
    places = _Places(named, batch)
    settings = batch.settings.model_copy(
        update={"hint_video_dir": batch.settings.hint_video_dir.absolute()}
    ).model_dump_json()
    # A profile of the user's can change while its name stays; its memory is nothing that is asked.
    profile = load_profile(batch.settings.profile)
    asked = [settings, profile.model_dump_json(exclude={"kv_cache"})]
    return [
        _job(spec, candidate, places.of(spec.file, candidate), asked, batch)
        for spec in specs
        for candidate in range(batch.candidates)
    ]


def same_frames_together(jobs: Sequence[T]) -> list[T]:
    """The jobs in the order in which they are best worked on: those that show the same frames follow one
    another, and among these the candidates of one prompt; otherwise in the order given.

    The frames stand at the beginning of what a model reads, and a server keeps that for a moment.
    """
    first_of: dict[tuple[object, ...], int] = {}

    def place(job: Order) -> tuple[int, int]:
        frames = (job.video, job.settings) if job.video else (None, job.settings, job.prompt)
        prompt = (job.video, job.settings, job.prompt, "prompt")
        return (
            first_of.setdefault(frames, len(first_of)),
            first_of.setdefault(prompt, len(first_of)),
        )

    return sorted(jobs, key=place)


def draw_again(job: Job, others: Iterable[Job]) -> Order:
    """The order for another answer to a job's prompt, for the same place in the same file, to be reviewed.

    Its seed is the first one after those of the job and of `others`, the candidates that there are.
    """
    used = {one.seed + one.candidate for one in (job, *others)}
    seed = max(used) + 1
    if seed > GREATEST_SEED:
        seed = next(seed for seed in range(len(used) + 1) if seed not in used)
    same = ["drawn again", job.key, seed]
    return Order(
        **{field.name: getattr(job, field.name) for field in fields(Order)}
        | {
            "key": hashlib.sha256(json.dumps(same).encode()).hexdigest(),
            "candidate": 0,
            "seed": seed,
            "destination": job.choice or job.destination,
            "choice": None,
            "held": True,
        }
    )


def order_another(store: Store, number: int) -> Order:
    """Make the order for another answer to a job's prompt, with the next unused seed, to be reviewed.

    Raises InputError when the job has no result. Blocks.
    """
    job = done_job(store, number)
    others = store.candidates_for(place_of(job), job.entry)
    return draw_again(job, others)


class _Places:
    def __init__(self, named: Sequence[Path], batch: Batch) -> None:
        self._folders = [path for path in named if path.is_dir()]
        self._batch = batch
        self._owners: dict[str, Path] = {}
        """By destination, small letters for all: some file systems know no others."""

    def of(self, file: Path, candidate: int) -> tuple[Path, Path | None]:
        """The file that the result goes to, and the one for the candidate that is chosen."""
        place = self._place(file)
        if self._batch.candidates == 1 or self._batch.review:
            return self._own(place, file), None
        numbered = place.with_stem(f"{place.stem}-{candidate + 1}")
        return self._own(numbered, file), self._own(place, file)

    def _own(self, place: Path, file: Path) -> Path:
        destination = (self._batch.save_dir / place).absolute()
        if self._owners.setdefault(str(destination).casefold(), file) != file:
            digest = hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:6]
            destination = destination.with_stem(f"{destination.stem}-{digest}")
        return destination

    def _place(self, file: Path) -> Path:
        for folder in self._folders:
            if file.is_relative_to(folder):
                place = file.relative_to(folder)
                # "specs/../other.json" is not below specs, and its result not beside the folder.
                return place if ".." not in place.parts else Path(file.name)
        return Path(file.name)


def _job(
    spec: Spec,
    candidate: int,
    place: tuple[Path, Path | None],
    asked: Sequence[str],
    batch: Batch,
) -> Order:
    """`asked` is the settings as JSON, and the profile as JSON."""
    destination, choice = place
    shown = choose_media(spec, batch.settings.media)
    video = shown.video.absolute() if shown.video else None
    control = shown.control.absolute() if shown.control else None
    file = spec.file.absolute()
    same = [
        batch.box,
        batch.box_settings.engine,
        batch.box_settings.model,
        str(file),
        spec.entry,
        spec.prompt,
        _video_state(video),
        _video_state(control),
        candidate,
        batch.seed,
        *asked,
        str(destination),
        # Somebody who asks for files gets them, even where the same waits for a review.
        *(["held"] if batch.review else []),
    ]
    return Order(
        key=hashlib.sha256(json.dumps(same).encode()).hexdigest(),
        box=batch.box,
        file=file,
        entry=spec.entry,
        name=spec.name,
        prompt=spec.prompt,
        video=video,
        candidate=candidate,
        seed=batch.seed,
        settings=asked[0],
        destination=destination,
        control=control,
        media=shown.names,
        force=batch.force,
        held=batch.review,
        choice=choice,
    )


def _video_state(video: Path | None) -> list[str | int]:
    """Differs when the video was changed, without reading all of it."""
    if video is None:
        return []
    try:
        status = video.stat()
    except OSError:
        return [str(video)]
    return [str(video), status.st_size, status.st_mtime_ns]
