"""`upsample results export FOLDER --prompt-files`: a `prompt_<n>.json` for each prompt.

These are the files that cosmos-framework's `prompt_upsampling` writes for the lines of a text, and that its
inference reads as specs: an object with the upsampled prompt under `prompt`, and no other key. A prompt that
is a JSON object is written as Python's json.dumps writes it, since the generator was trained on that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from backend.commands.queue import open_user_queue
from backend.commands.results.export import exists_already, is_below, say_exported, unwritable
from backend.console import warn, write_line
from backend.exit_codes import ExitCode
from backend.files import write_whole
from backend.results.review import chosen_file, load_review
from backend.specs.upsampled import is_json_object, json_object_in
from backend.store import Job, State
from remote.protocol import well_formed


def export_prompt_files(folder: Path, below: Path | None, *, force: bool) -> ExitCode:
    """Write the accepted results into `folder`, a file each. Raises ResultError before anything is written.

    `below` is the folder that the results must be in; None for any.
    """
    with open_user_queue() as store:
        review = load_review(store)
        jobs = store.in_states(list(State))
    for trouble in review.troubles:
        warn(trouble)
    inside = below.resolve() if below else None
    prompts = [each for each in review.prompts if is_below(each.place, inside)]
    first = _first_numbers(job for job in jobs if is_below(chosen_file(job), inside))
    texts = {
        folder / f"prompt_{first[each.place] + each.entry}.json": each.chosen.result.prompt
        for each in prompts
        if each.chosen is not None
    }
    _write({file: _record(prompt) for file, prompt in texts.items()}, folder, force=force)
    for file in texts:
        write_line(str(file))
    plain = sum(not is_json_object(prompt) for prompt in texts.values())
    say_exported(len(texts), prompts, f", {plain:,} of them no JSON object" if plain else "")
    return ExitCode.SOME_FAILED if review.troubles else ExitCode.OK


def _first_numbers(jobs: Iterable[Job]) -> dict[Path, int]:
    """Return the number of the first prompt of each result file.

    Within a file the number follows the position, so that a prompt without a result leaves a gap. The next
    file goes on after the last position that was ever queued.
    """
    last: dict[Path, int] = {}
    for job in jobs:
        place = chosen_file(job)
        last[place] = max(last.get(place, 0), job.entry)
    first, number = {}, 0
    for place, entry in last.items():
        first[place] = number
        number += entry + 1
    return first


def _record(prompt: str) -> bytes:
    found = json_object_in(prompt)
    text = well_formed(prompt) if found is None else json.dumps(found)
    return (json.dumps({"prompt": text}, indent=2) + "\n").encode()


def _write(records: dict[Path, bytes], folder: Path, *, force: bool) -> None:
    file = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [file for file in records if not _holds(file, records[file])]
        for file in wanted:
            if file.exists() and not force:
                raise exists_already(file)
        for file in wanted:
            write_whole(file, records[file])
    except OSError as error:
        raise unwritable(file, error) from error


def _holds(file: Path, record: bytes) -> bool:
    return file.is_file() and file.stat().st_size == len(record) and file.read_bytes() == record
