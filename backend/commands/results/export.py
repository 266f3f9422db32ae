"""`upsample results export FILE`: the queue's prompts as one list, the pipeline's `batch_results.json`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from backend.commands.queue import open_user_queue
from backend.console import safe, say, warn, write_line
from backend.errors import ResultError
from backend.exit_codes import ExitCode
from backend.files import write_whole
from backend.results.review import Reviewed, chosen_file, load_review
from backend.specs.quoting import json_spelled
from backend.store import Job, State
from backend.store.decision import Decision
from remote.protocol import Json


def export_results(file: Path, below: Path | None, *, force: bool) -> ExitCode:
    """Write a list of `{name, original_prompt, upsampled_prompt, video_path, success}`. Raises ResultError.

    It holds the prompts whose results are in their files, and those that failed. What waits for a review, is
    rejected or still to do is left out. `below` is the folder that the results must be in; None for any.
    """
    with open_user_queue() as store:
        review = load_review(store)
        failed = store.in_states([State.FAILED])
    for trouble in review.troubles:
        warn(trouble)
    folder = below.resolve() if below else None
    prompts = [each for each in review.prompts if _is_below(each.place, folder)]
    entries = list(_entries(prompts))
    told = {(each.place, each.entry) for each in prompts}
    for job in failed:
        place = chosen_file(job)
        if _is_below(place, folder) and (place, job.entry) not in told:
            told.add((place, job.entry))
            entries.append(_entry(job, "", success=False))
    _write(file, [*entries], force=force)
    write_line(str(file))
    waiting = sum(each.decision is Decision.UNDECIDED for each in prompts)
    count = "1 prompt" if len(entries) == 1 else f"{len(entries):,} prompts"
    say(f"{count} exported." + (f" Not reviewed yet: {waiting:,}." if waiting else ""))
    return ExitCode.SOME_FAILED if review.troubles else ExitCode.OK


def _entries(prompts: list[Reviewed]) -> Iterator[dict[str, Json]]:
    for each in prompts:
        if each.chosen is not None:
            result = each.chosen.result
            yield _entry(result.job, result.prompt, success=True)


def _entry(job: Job, prompt: str, *, success: bool) -> dict[str, Json]:
    return {
        "name": job.name,
        "original_prompt": job.prompt,
        "upsampled_prompt": prompt,
        "video_path": str(job.video) if job.video else None,
        "success": success,
    }


def _is_below(place: Path, folder: Path | None) -> bool:
    return folder is None or place.resolve().is_relative_to(folder)


def _write(file: Path, entries: list[Json], *, force: bool) -> None:
    if file.exists() and not force:
        raise ResultError(f"{safe(str(file))} exists already", "Use --force to replace it.")
    try:
        write_whole(file, (json_spelled(entries, "  ") + "\n").encode())
    except OSError as error:
        raise ResultError(
            f"{safe(str(file))} cannot be written: {error.strerror}", "Name another file."
        ) from error
