"""Writes results into files of the users' own formats, with their provenance.

A file that others made, or changed after we wrote it, is never replaced without `force`. Each file appears as
a whole or not at all, and no link on the way to it is followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from backend import __version__
from backend.config import queued_settings
from backend.config.profiles import Profile, load_profile
from backend.config.profiles.cleaning import Cleaned, upsampled_prompt
from backend.config.profiles.json_answer import json_prompt
from backend.errors import AnswerError, ResultError
from backend.files import read_regular, write_whole
from backend.files.without_links import LinkInTheWay, is_link_free, open_folder
from backend.results import MOST_BYTES
from backend.results.sidecars import SIDECAR_FOLDER, earlier_sidecar_path, sidecar_path
from backend.specs.model import Spec
from backend.specs.quoting import json_spelled
from backend.specs.reading import read_file
from backend.specs.render import OutputFile, Replacement, embeds_provenance, render
from backend.specs.tables import is_table
from backend.specs.tables.rendering import rows_that_hold
from backend.store import Job, State, Store, Written, answer_fingerprint
from backend.store.rating import UNRATED
from remote.protocol import Answer, Json


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a job that is done."""

    job: Job
    answer: Answer
    """The answer as the model gave it."""
    prompt: str
    """The upsampled prompt in the answer, or the user's edited text."""
    provenance: Mapping[str, Json]
    """How the prompt was made, as it is written beside the result."""
    negative_prompt: str = ""
    """What the model wants avoided; empty where it was not asked."""


def prompt_in(answer: Answer, job: Job, profile: Profile, *, is_taken: bool = False) -> Cleaned:
    """Extract the upsampled prompt from an answer to this job, by the rules of its profile.

    Raises AnswerError when it has none, and ConfigError when its schema cannot be used.
    """
    if profile.answer.format == "text" or job.generation is None:
        return upsampled_prompt(answer.text, answer.finish_reason, profile.answer)
    schema = profile.schema_for(job.generation.mode, job.generation.source)
    return json_prompt(
        answer.text,
        answer.finish_reason,
        profile.answer,
        schema,
        job.generation,
        is_taken=is_taken,
    )


def taken_prompt(answer: Answer, job: Job) -> Cleaned:
    """Extract the upsampled prompt from the answer to a job that is done.

    The answer was as the profile wanted it then, which may want something else now. Raises as `prompt_in`
    and `profile_of`.
    """
    profile = profile_of(job)
    try:
        return prompt_in(answer, job, profile, is_taken=True)
    except AnswerError:
        # The profile may have asked for text then.
        return upsampled_prompt(answer.text, answer.finish_reason, profile.answer)


def profile_of(job: Job) -> Profile:
    """Return the profile with which a job was queued. Raises ConfigError when it cannot be used any more."""
    return load_profile(queued_settings(job.settings).profile)


def load_result(store: Store, job: Job) -> Result:
    """Load the result of a job that is done. Raises KeyError when it has no answer, and as `prompt_in`."""
    answer = store.answer(job.identity or "", job.box)
    if answer is None:
        raise KeyError(job.number)
    cleaned = taken_prompt(answer, job)
    decided = store.decisions([job.number]).get(job.number)
    edited = decided.text if decided else None
    provenance = _provenance(store, job, answer, cleaned) | {"edited": edited is not None}
    prompt = cleaned.text if edited is None else edited
    return Result(job, answer, prompt, provenance, cleaned.negative_prompt)


def write_results(store: Store, destination: Path, jobs: Sequence[Job], force: bool) -> list[Path]:
    """Write the file that these jobs' results go to, and its sidecar when it needs one.

    `jobs` are the ended jobs of one destination; prompts whose job failed stay as they are. Returns the
    written files, the spec first; empty when no job is done. Raises UpsampleError.
    """
    results = [load_result(store, job) for job in jobs if job.state is State.DONE]
    if not results:
        return []
    source = results[0].job.file
    # Those that are left out below count as written, too: their entry has no place for them any more.
    holds = {
        r.job.entry: answer_fingerprint(
            r.job.identity, r.prompt if r.provenance["edited"] else None
        )
        for r in results
    }
    # Earlier jobs may belong to entries that were edited or removed since. When there are only such jobs,
    # `render` says what is wrong.
    current = _current_entries(source, results)
    results = [r for r in results if (r.job.entry, r.job.prompt) in current] or results
    replacements = {
        r.job.entry: Replacement(r.prompt, r.job.prompt, r.provenance, r.negative_prompt)
        for r in results
    }
    check_folder(destination.parent)
    files = list(render(source, replacements, destination))
    if not embeds_provenance(source):
        files.append(_sidecar(destination, results))
        check_folder(files[-1].path.parent)
    for file in files:
        check_destination(store, file.path, source, force=force, data=file.data)
    written = {file.path: _written(store, file, source, destination) for file in files}
    written[destination] = replace(written[destination], holds=holds)
    # Each note waits for the disk, and a batch that is done already has thousands of such results.
    if not all(_is_there(store, file, written[file.path]) for file in files):
        store.note_writing(written)
        # The spec is written last, so that the files that belong to it exist when it appears.
        for file in reversed(files):
            _write(file)
        store.note_written(written)
    earlier = earlier_sidecar_path(destination)
    if is_own_result(store, earlier):
        _take_away(store, earlier)
    return [file.path for file in files]


def take_away_results(store: Store, destination: Path) -> list[Path]:
    """Delete a result's files, or restore the contents that they replaced.

    Returns the files that existed and were deleted or restored. Raises ResultError when one of them has
    changed since we wrote it; then no file is touched.
    """
    files = store.files_of(destination)
    earlier = earlier_sidecar_path(destination)
    if earlier not in files and store.written(earlier):
        files.append(earlier)  # earlier versions did not store which files belong together
    for folder in {file.parent for file in files}:
        check_folder(folder)
    existing = [file for file in files if file.exists()]
    for file in existing:
        if not is_own_result(store, file):
            raise ResultError(
                f"{file} was changed since it was written, and stays as it is",
                "Move it away to have its result taken back.",
            )
    for file in files:
        _take_away(store, file)
    return existing


def check_folder(folder: Path) -> None:
    """Check that no link is on the way to a folder for results. Raises ResultError."""
    if not is_link_free(folder):
        raise _through_link(folder)


def check_destination(
    store: Store, path: Path, source: Path, *, force: bool, data: bytes | None = None
) -> None:
    """Check that the result of `source` may be written to `path`. Raises ResultError.

    An existing file may be replaced when it is our own result of the same spec, when it has the content
    `data` already, or with `force`.
    """
    try:
        present = read_regular(path, MOST_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ResultError(f"{path} cannot be written: {error.strerror}") from error
    if force or (data is not None and present == data):
        return
    written = store.written(path)
    if written is None or not written.is_left_as(hashlib.sha256(present).hexdigest()):
        raise ResultError(
            f"{path} exists already and is not a result that was left as it was written",
            "Use --force to replace it, or another --save-dir.",
        )
    if written.source != source:
        raise ResultError(
            f"{path} holds the result of another spec, {written.source}",
            "Use another --save-dir, or --force to replace it.",
        )


def is_own_result(store: Store, path: Path) -> bool:
    """Whether the file is a result that is unchanged since we wrote it."""
    written = store.written(path)
    if written is None:
        return False
    try:
        return written.is_left_as(hashlib.sha256(read_regular(path, MOST_BYTES)).hexdigest())
    except OSError:
        return False


def _take_away(store: Store, file: Path) -> None:
    """Delete a file that we wrote, or restore what it replaced. Raises ResultError."""
    written = store.written(file)
    try:
        with open_folder(file.parent) as folder:
            if written and written.replaced is not None:
                write_whole(file, written.replaced, folder=folder)
            else:
                os.unlink(file.name, dir_fd=folder)
        if file.parent.name == SIDECAR_FOLDER:
            with contextlib.suppress(OSError), open_folder(file.parent.parent) as folder:
                os.rmdir(SIDECAR_FOLDER, dir_fd=folder)  # while it holds nothing else
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ResultError(f"{file} cannot be taken back: {error.strerror}") from error
    store.forget_written(file)


def _current_entries(source: Path, results: Sequence[Result]) -> set[tuple[int, str]]:
    """Read the spec file, and return its entries with their present prompts; of a table those of results."""
    if is_table(source):
        return rows_that_hold(source, [(r.job.entry, r.job.prompt) for r in results])
    found = read_file(source, Path())
    return {(spec.entry, spec.prompt) for spec in found if isinstance(spec, Spec)}


def _sidecar(destination: Path, results: Sequence[Result]) -> OutputFile:
    content: Json = {
        "file": destination.name,
        "results": [
            {"entry": r.job.entry, "name": r.job.name, "prompt": r.job.prompt, **r.provenance}
            for r in results
        ],
    }
    text = json_spelled(content, indent=2) + "\n"
    return OutputFile(sidecar_path(destination), text)


def _provenance(store: Store, job: Job, answer: Answer, cleaned: Cleaned) -> dict[str, Json]:
    request = store.request(job.number)
    first = request.frames[0] if request.frames else None
    return {
        "program": f"upsample {__version__}",
        "written_by": answer.notice or f"{request.model} with {answer.engine}",
        "engine": answer.engine,
        "profile": request.profile,
        "model": request.model,
        "box": job.box,
        "media": job.media or None,
        "frames": [
            {"time": time, "sha256": f.sha256}
            for f in request.frames
            for time in f.times or (f.time,)
        ],
        **({"sent": "clip"} if any(f.times for f in request.frames) else {}),
        "size_sent": f"{first.width}x{first.height}" if first else None,
        "tokens": {
            "prompt_estimated": job.estimate,
            "prompt_reported": answer.prompt_tokens,
            "answer_reported": answer.completion_tokens,
            "answer_limit": request.sampling.max_tokens,
        },
        "cost": answer.cost,
        "temperature": request.sampling.temperature,
        "seed": request.sampling.seed,
        "candidate": request.candidate,
        **_draws(job),
        "finish_reason": answer.finish_reason,
        "removed_from_answer": list(cleaned.removed),
        **({"negative_prompt": cleaned.negative_prompt} if cleaned.negative_prompt else {}),
        "seconds": {
            "generating": round(answer.ended - answer.started, 3),
            "queued_to_done": round(job.changed - job.queued, 3),
        },
        "ended": _date(answer.ended),
        "runner": answer.runner,
        "job": job.identity,
        **_rated(store, job.number),
    }


def _draws(job: Job) -> dict[str, Json]:
    """Return what the answers cost that were not taken; nothing where the first one was."""
    return {"draws": [asdict(draw) for draw in job.draws]} if job.draws else {}


def _rated(store: Store, number: int) -> dict[str, Json]:
    """Return what the user thinks of the result; nothing of a result without a rating and a note."""
    rating = store.ratings([number]).get(number, UNRATED)
    stars: dict[str, Json] = {"rating": rating.stars} if rating.stars else {}
    return stars | ({"note": rating.note} if rating.note else {})


def _date(unix_time: float) -> str | None:
    """Format a Unix time; None when a box's clock gave a time that no calendar has."""
    try:
        return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def _written(store: Store, file: OutputFile, source: Path, destination: Path) -> Written:
    """Make the Written that will describe the file once it is written. Raises ResultError."""
    data, replaced = file.data, None
    try:
        is_foreign = file.path.is_file() and not is_own_result(store, file.path)
        if is_foreign and not file.path.is_symlink() and not _holds(file.path, data):
            replaced = read_regular(file.path, MOST_BYTES)
    except OSError as error:
        raise _unwritable(file.path, error) from error
    return Written(hashlib.sha256(data).hexdigest(), source, destination, replaced)


def _is_there(store: Store, file: OutputFile, written: Written) -> bool:
    """Whether the file is as it is to be written, and is noted so. Raises ResultError."""
    noted = store.written(file.path)
    if noted is None or replace(noted, replaced=written.replaced, pending="") != written:
        return False
    try:
        return not noted.pending and _holds(file.path, file.data)
    except OSError as error:
        raise _unwritable(file.path, error) from error


def _write(file: OutputFile) -> None:
    data = file.data
    try:
        with open_folder(file.path.parent, make=True) as folder:
            if not _holds(file.path, data):
                write_whole(file.path, data, folder=folder)
    except LinkInTheWay as error:
        raise _through_link(file.path.parent) from error
    except OSError as error:
        raise _unwritable(file.path, error) from error


def _through_link(folder: Path) -> ResultError:
    return ResultError(
        f"{folder} leads through a link to {os.path.realpath(folder)}, which is not followed",
        "If results are to be written there, name that place itself as --save-dir.",
    )


def _unwritable(path: Path, error: OSError) -> ResultError:
    return ResultError(
        f"{path} cannot be written: {error.strerror}",
        "The result is kept in the queue: run again with a --save-dir that can be written.",
    )


def _holds(path: Path, data: bytes) -> bool:
    """Whether the file has this content already; then it is not written, so that watchers are not woken."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
