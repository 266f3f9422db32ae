"""Reads what earlier runs did with specs: the latest job of each spec, and which files are results of ours.

It reads this for all specs at once; `results.writing.is_own_result` does it for one file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backend.files import read_regular
from backend.results import MOST_BYTES

if TYPE_CHECKING:
    from backend.specs.model import Spec
    from backend.store import Job, State, Store

SpecKey = tuple[Path, int]
"""An absolute spec file and an entry in it, by which a job names its spec."""


@dataclass(frozen=True, slots=True)
class LatestJob:
    """The job of a spec that was queued last."""

    number: int
    prompt: str
    """The prompt when the job was queued; the spec's prompt may have changed since."""
    state: State


def spec_key(spec: Spec) -> SpecKey:
    """Return the key by which jobs name this spec."""
    return spec.file.absolute(), spec.entry


def latest_job(job: Job, state: State | None = None) -> LatestJob:
    """Make a LatestJob from a job; `state` replaces the job's own state when it is newer."""
    return LatestJob(job.number, job.prompt, state or job.state)


def latest_jobs(store: Store) -> dict[SpecKey, LatestJob]:
    """Return the latest job of each spec that ever had one. Blocks; raises QueueError."""
    return {
        (file, entry): LatestJob(number, prompt, state)
        for file, entry, number, prompt, state in store.latest()
    }


def own_results(store: Store, files: Iterable[Path] | None = None) -> dict[Path, Path]:
    """Return those of these files that are results of ours and unchanged since we wrote them, each with the
    spec file that it is the result of.

    With None, checks all files that we ever wrote. The paths are absolute. Reads the files. Blocks; raises
    QueueError.
    """
    written = store.all_written()
    wanted = written.keys() if files is None else written.keys() & {f.absolute() for f in files}
    return {
        path: written[path].source for path in wanted if written[path].is_left_as(_sha256(path))
    }


def _sha256(path: Path) -> str:
    """Return the hash of a file; "unreadable", which no file's hash equals, when it cannot be read."""
    try:
        return hashlib.sha256(read_regular(path, MOST_BYTES)).hexdigest()
    except OSError:
        return "unreadable"
