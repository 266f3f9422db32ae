"""`upsample results export FILE`: the queue's prompts as one list, the pipeline's `batch_results.json`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.addresses import spelled
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
    prompts = [each for each in review.prompts if is_below(each.place, folder)]
    entries = list(_entries(prompts))
    told = {(each.place, each.entry) for each in prompts}
    for job in failed:
        place = chosen_file(job)
        if is_below(place, folder) and (place, job.entry) not in told:
            told.add((place, job.entry))
            entries.append(_entry(job, "", success=False))
    _write(file, [*entries], force=force)
    write_line(str(file))
    say_exported(len(entries), prompts)
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
        "video_path": spelled(job.video) if job.video else None,
        "success": success,
    }


def is_below(place: Path, folder: Path | None) -> bool:
    """Whether a file is in `folder`, which is resolved; None stands for any folder."""
    return folder is None or place.resolve().is_relative_to(folder)


def say_exported(count: int, prompts: Sequence[Reviewed], aside: str = "") -> None:
    """Say how many prompts were exported, and how many of `prompts` wait for a decision."""
    waiting = sum(each.decision is Decision.UNDECIDED for each in prompts)
    shown = "1 prompt" if count == 1 else f"{count:,} prompts"
    say(f"{shown} exported{aside}." + (f" Not reviewed yet: {waiting:,}." if waiting else ""))


def exists_already(file: Path) -> ResultError:
    """Return the error about a file that would be replaced."""
    return ResultError(f"{safe(str(file))} exists already", "Use --force to replace it.")


def unwritable(file: Path, error: OSError) -> ResultError:
    """Return the error about a file that the operating system refuses to write."""
    return ResultError(
        f"{safe(str(file))} cannot be written: {error.strerror}", "Name another place."
    )


def _write(file: Path, entries: list[Json], *, force: bool) -> None:
    if file.exists() and not force:
        raise exists_already(file)
    try:
        write_whole(file, (json_spelled(entries, "  ") + "\n").encode())
    except OSError as error:
        raise unwritable(file, error) from error
