"""Finds the results that have not reached their files.

A process may be killed after an answer, or a decision, is in the queue and before the file has it. What is
left to be written is therefore derived from each answer: the queue stores which answers a file holds, in the
transaction that notes the file as written, and `Store.due` compares. Whoever goes on with the queue asks
`undelivered`.

Earlier versions did not store what a file holds. The first look at such a file tells it: the provenance, in
the file or beside it, names the request of each result.
"""

from __future__ import annotations

import json
from pathlib import Path

from backend.files import read_regular
from backend.results import MOST_BYTES
from backend.results.sidecars import earlier_sidecar_path, sidecar_path
from backend.results.writing import is_own_result
from backend.store import Due, Job, State, Store, answer_fingerprint


def undelivered(store: Store, box: str | None = None) -> list[Due]:
    """Return the results, of one box or of all, that their files do not hold. Blocks.

    A result is among them even when its file may not be touched, because somebody else made or changed it:
    then only an attempt to write it says so.
    """
    found = store.due(box)
    unknown = {due.file for due in found if due.is_unknown}
    if unknown:
        for file in unknown:
            _learn_what_it_holds(store, file)
        found = store.due(box)
    return [due for due in found if not due.is_unknown]


def undelivered_jobs(store: Store, box: str | None = None) -> list[Job]:
    """Return the jobs whose results `undelivered` finds, each once. Blocks."""
    return list({due.job.number: due.job for due in undelivered(store, box)}.values())


def _learn_what_it_holds(store: Store, file: Path) -> None:
    """Store which answers a file of an earlier version holds.

    What cannot be known counts as held, so that a file is not written again which the user has changed or
    removed since. While its folder is missing, such as on a disk that is not mounted, nothing is stored.
    """
    jobs = [job for job in store.with_destination(file) if job.state is State.DONE]
    try:
        if not file.parent.is_dir():
            return
        named = _named_in_provenance(store, file) if file.exists() else None
    except OSError:
        return
    held = [job for job in jobs if named is None or _is_named(job, named)]
    decided = store.decisions(job.number for job in held)
    texts = {number: decision.text for number, decision in decided.items()}
    store.note_holds(
        file, {job.entry: answer_fingerprint(job.identity, texts.get(job.number)) for job in held}
    )


def _named_in_provenance(store: Store, file: Path) -> str | set[tuple[object, object]] | None:
    """Return what tells the requests of a file's results: its own text, or the entries of its sidecar.

    Returns None when that is not as we wrote it, so that it tells nothing.
    """
    places = (sidecar_path(file), earlier_sidecar_path(file))
    sidecar = next((place for place in places if store.written(place) is not None), None)
    told_by = sidecar or file
    if not is_own_result(store, told_by):
        return None
    text = read_regular(told_by, MOST_BYTES).decode()
    if sidecar is None:
        return text
    try:
        return {(result["entry"], result["job"]) for result in json.loads(text)["results"]}
    except (KeyError, TypeError, ValueError):
        return None


def _is_named(job: Job, named: str | set[tuple[object, object]]) -> bool:
    return job.identity is not None and (
        job.identity in named if isinstance(named, str) else (job.entry, job.identity) in named
    )
