"""What earlier runs did with specs: how the latest job of each stands, and which files are results of ours.

Asked once for all specs, where `results.is_own_result` asks for one file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.files import read_regular
from backend.results.writing import MOST_BYTES
from backend.specs.model import Spec
from backend.store import Job, State, Store

Place = tuple[Path, int]
"""A spec file, absolute, and the entry in it."""


@dataclass(frozen=True, slots=True)
class LatestJob:
    """The job that was queued last for one place."""

    number: int
    prompt: str
    """What it was queued with; the spec may say something else by now."""
    state: State


def place_of(spec: Spec) -> Place:
    """Where jobs say that this spec is."""
    return spec.file.absolute(), spec.entry


def latest_job(job: Job, state: State | None = None) -> LatestJob:
    """The part of a job that counts here; `state` when it is newer than the job's own."""
    return LatestJob(job.number, job.prompt, state or job.state)


def latest_jobs(store: Store) -> dict[Place, LatestJob]:
    """The latest job of every place that ever had one. Blocks; raises QueueError."""
    return {
        (file, entry): LatestJob(number, prompt, state)
        for file, entry, number, prompt, state in store.latest()
    }


def own_results(store: Store, files: Iterable[Path] | None = None) -> frozenset[Path]:
    """Those of these files (all that we ever wrote, when None is given) that are results of ours which
    nobody changed since. Absolute paths. Reads them. Blocks; raises QueueError.
    """
    written = store.all_written()
    wanted = written.keys() if files is None else written.keys() & {f.absolute() for f in files}
    return frozenset(path for path in wanted if written[path].is_left_as(_sha256(path)))


def _sha256(path: Path) -> str:
    """Something that is the hash of nothing where the file cannot be read."""
    try:
        return hashlib.sha256(read_regular(path, MOST_BYTES)).hexdigest()
    except OSError:
        return "unreadable"
