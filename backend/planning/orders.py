"""Makes orders for the queue from specs and settings: where each result goes, and when two orders are
equal."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from backend.addresses import address_of
from backend.config import BoxSettings, Upsampling, load_profile, settings_to_queue
from backend.files import lies_within
from backend.files.without_links import resolve_folder
from backend.results.review import chosen_file, done_job
from backend.specs.media import Media, choose_media
from backend.specs.model import Mode, Spec, SpecFormat
from backend.store import Job, Order, Store
from backend.store.job_rows import target_column
from backend.video import FrameFormat

T = TypeVar("T")
OrderT = TypeVar("OrderT", bound=Order)

Shown = tuple[Path | None, str, str]
"""What is shown to the model: the video, by which settings, and the prompt."""

MOST_CANDIDATES = 99
"""Answers to one prompt that a batch may ask for."""
GREATEST_SEED = 2**31 - 1
"""The greatest seed that all engines accept."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The settings that all specs of one command share."""

    box: str
    """The box, or the first one of the fleet."""
    box_settings: BoxSettings
    settings: Upsampling
    save_dir: Path
    """The folder for results, free of links: see `backend.files.without_links:resolve_folder`."""
    candidates: int = 1
    seed: int = 0
    force: bool = False
    """Whether results may replace files that somebody else made."""
    review: bool = False
    """Whether results wait until they are accepted, see `backend.results.decisions`."""
    include_upsampled: bool = False
    """Whether prompts are taken that are upsampled already. `force` takes them, too."""
    upsampled_words: int = 0
    """The most words of a prompt that does not count as upsampled; 0 for no limit."""
    follows_server: bool = False
    """Whether the context length that the model server tells counts: see `Settings.follows_server_on`."""
    fleet: Mapping[str, BoxSettings] = field(default_factory=dict)
    """The boxes that share the jobs, by name; empty for one box."""


def make_jobs(specs: Iterable[Spec], named: Sequence[Path], batch: Batch) -> list[Order]:
    """Make the orders for these specs, `batch.candidates` for each.

    `named` are the files and folders that the user gave; a result has the same path below the folder for
    results as its spec has below the named folder. When two specs would go to one file, a hash of the spec's
    path is added to the name. Each of several candidates has a file of its own, NAME-1 and so on, and NAME is
    for the chosen one; with a review, there is only NAME.
    """
    maker = OrderMaker(named, batch)
    return [maker.make(spec, candidate) for spec in specs for candidate in range(batch.candidates)]


class OrderMaker:
    """Makes the orders of one batch, as `make_jobs` does, one by one.

    The first spec that is given has its result's name, also when orders are made of it again.
    """

    def __init__(self, named: Sequence[Path], batch: Batch) -> None:
        self._batch = batch
        self._destinations = _Destinations(named, batch)
        self._asking = cache(partial(_asking_for, batch, resolve_hint_video_dir(batch.settings)))

    def make(self, spec: Spec, candidate: int) -> Order:
        """Make the order for one candidate."""
        files = self._destinations.choose(spec.file, candidate)
        asking = self._asking(spec.format, spec.target.mode)
        return _order(spec, candidate, files, asking, self._batch)

    def shown(self, spec: Spec) -> Shown:
        """Return what the orders of a spec show to the model."""
        asking = self._asking(spec.format, spec.target.mode)
        video = choose_media(spec, asking.media).video
        return video and _absolute(video), asking.settings, spec.prompt


def resolve_hint_video_dir(settings: Upsampling) -> Path:
    """Return the folder for hint videos as an absolute path, free of links. Raises LinkError.

    Only the user's own settings can name a folder that is not below the working directory.
    """
    folder = settings.hint_video_dir
    return resolve_folder(folder, Path.cwd(), named=folder.is_absolute() or ".." in folder.parts)


def same_frames_together(jobs: Iterable[OrderT]) -> list[OrderT]:
    """Sort jobs so that those with the same frames follow one another, and among them those with one prompt.

    Otherwise they keep their order. The frames are at the beginning of what a model reads, and a server keeps
    that beginning in its prefix cache for a short time.
    """
    return same_shown_together(jobs, lambda job: (job.video, job.settings, job.prompt))


def same_shown_together(items: Iterable[T], shown: Callable[[T], Shown]) -> list[T]:
    """Sort items as `same_frames_together` does, by what is shown for each."""
    first_of: dict[tuple[object, ...], int] = {}

    def first_position(*seen: object) -> int:
        return first_of.setdefault(seen, len(first_of))

    def first_positions(item: T) -> tuple[int, ...]:
        video, settings, prompt = shown(item)
        if video is None:
            return (first_position(None, settings, prompt),)
        return first_position(video, settings), first_position(video, settings, prompt)

    return sorted(items, key=first_positions)


def seed_of_draw(job: Job) -> int:
    """Return the seed of a job's next draw, to which the number of its candidate is added.

    The first one has the job's own seed. Those of the others lie so far apart that no two candidates meet.
    """
    seed = job.seed + (MOST_CANDIDATES + 1) * len(job.draws)
    is_possible = seed + job.candidate <= GREATEST_SEED
    return seed if is_possible else seed % (GREATEST_SEED - MOST_CANDIDATES)


def draw_again(job: Job, others: Iterable[Job]) -> Order:
    """Make the order for another answer to a job's prompt, for the same entry of the same file, for review.

    Its seed is the next one after the seeds of the job and of `others`, the existing candidates.
    """
    used = {candidate.seed + candidate.candidate for candidate in (job, *others)}
    seed = max(used) + 1
    if seed > GREATEST_SEED:
        seed = next(seed for seed in range(len(used) + 1) if seed not in used)
    same = ["drawn again", job.key, seed]
    return Order(
        **{each.name: getattr(job, each.name) for each in fields(Order)}
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
    others = store.candidates_for(chosen_file(job), job.entry)
    return draw_again(job, others)


@dataclass(frozen=True, slots=True)
class _Asking:
    """How a spec is asked about."""

    settings: str
    """`Upsampling` as JSON, as the queue keeps it."""
    same: str
    """The same, by which equal orders are recognised: what a server tells makes no other order."""
    media: Media
    profile: str
    """The identity of the profile: the user may change a profile without renaming it."""
    uses_target: bool


def _asking_for(
    batch: Batch, hint_video_dir: Path, spec_format: SpecFormat, mode: Mode | None
) -> _Asking:
    settings = batch.settings.for_spec(spec_format.value, mode).model_copy(
        update={"hint_video_dir": hint_video_dir}
    )
    text = settings_to_queue(settings, follows_server=batch.follows_server)
    profile = load_profile(settings.profile)
    # Without loss, the model sees the same, however the frames are packed.
    is_lossy = settings.frame_format is FrameFormat.JPEG
    same = settings.as_json(without=() if is_lossy else ("frame_format",))
    return _Asking(text, same, settings.media, profile.identity(), profile.uses_target)


class _Destinations:
    """Chooses a file for each result, so that no two specs share one."""

    def __init__(self, named: Sequence[Path], batch: Batch) -> None:
        self._folders = [path for path in named if path.is_dir()]
        self._batch = batch
        self._save_dir = batch.save_dir.absolute()
        self._resolved: dict[Path, Path] = {}
        self._owners: dict[str, Path] = {}
        """The spec file of each destination. Keys are casefolded, because some file systems ignore case."""

    def choose(self, file: Path, candidate: int) -> tuple[Path, Path | None]:
        """Return the file that a candidate's result goes to, and the file for the chosen candidate."""
        relative = self._relative_path(file)
        if self._batch.candidates == 1 or self._batch.review:
            return self._make_unique(relative, file), None
        numbered = relative.with_stem(f"{relative.stem}-{candidate + 1}")
        return self._make_unique(numbered, file), self._make_unique(relative, file)

    def _make_unique(self, relative: Path, file: Path) -> Path:
        destination = self._resolve(self._save_dir / relative.parent) / relative.name
        if self._owners.setdefault(str(destination).casefold(), file) != file:
            digest = hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:6]
            destination = destination.with_stem(f"{destination.stem}-{digest}")
        return destination

    def _resolve(self, folder: Path) -> Path:
        """Follow the links in the folder for results that lead to another place in it.

        Other links stay in the path, and whoever writes there refuses it.
        """
        if folder not in self._resolved:
            place = os.path.realpath(folder)
            stays = lies_within(place, str(self._save_dir))
            self._resolved[folder] = Path(place) if stays else folder
        return self._resolved[folder]

    def _relative_path(self, file: Path) -> Path:
        for folder in self._folders:
            if file.is_relative_to(folder):
                below = file.relative_to(folder)
                # "specs/../other.json" is not below specs; its result must not be outside the save_dir.
                return below if ".." not in below.parts else Path(file.name)
        return Path(file.name)


def _order(
    spec: Spec,
    candidate: int,
    files: tuple[Path, Path | None],
    asking: _Asking,
    batch: Batch,
) -> Order:
    destination, choice = files
    shown = choose_media(spec, asking.media)
    video = None if shown.video is None else _absolute(shown.video)
    controls = tuple(map(_absolute, shown.controls))
    file = spec.file.absolute()
    same = [
        *_box_facts(batch),
        str(file),
        spec.entry,
        spec.prompt,
        _video_state(video),
        _video_state(controls[0] if controls else None),
        candidate,
        batch.seed,
        asking.same,
        asking.profile,
        str(destination),
        # An order without a review writes its file, even when an equal order waits for a review.
        *(["held"] if batch.review else []),
        *map(_video_state, controls[1:]),
        *([target_column(spec.target)] if asking.uses_target else []),
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
        settings=asking.settings,
        destination=destination,
        controls=controls,
        media=shown.names,
        force=batch.force,
        held=batch.review,
        choice=choice,
        target=spec.target,
        fleet=",".join(batch.fleet),
    )


def _box_facts(batch: Batch) -> list[object]:
    """Return what equal orders have in common of the box, or of the fleet in whichever order."""
    if not batch.fleet:
        return [batch.box, batch.box_settings.engine, batch.box_settings.model]
    return [[name, box.engine, box.model] for name, box in sorted(batch.fleet.items())]


def _absolute(video: Path) -> Path:
    """Return the absolute path of a file; one that holds an address as it is."""
    return video.absolute() if address_of(video) is None else video


def _video_state(video: Path | None) -> list[str | int]:
    """Return the video's path, size and time, which differ when the video was changed."""
    if video is None:
        return []
    try:
        status = video.stat()
    except OSError:
        return [str(video)]
    return [str(video), status.st_size, status.st_mtime_ns]
