"""`upsample results` and `results show`: the results with their decisions and lints, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from backend.commands.queue import open_user_queue
from backend.console import out, safe, say, table, warn, write_json, write_line
from backend.exit_codes import ExitCode
from backend.results.lints import Lint
from backend.results.review import Candidate, Reviewed, done_job, load_review
from backend.specs.json_prompts import prompt_lines
from backend.store.decision import Decision
from remote.protocol import Json

DECISION_GLYPHS = {
    Decision.UNDECIDED: "○",
    Decision.ACCEPTED: "✓",
    Decision.EDITED: "✎",
    Decision.REJECTED: "✗",
}
_STYLES = {Decision.ACCEPTED: "green", Decision.EDITED: "green", Decision.REJECTED: "red"}


def list_results(*, undecided: bool, as_json: bool) -> ExitCode:
    """Print all results, or only the undecided ones. The candidates of a prompt follow one another."""
    with open_user_queue() as store:
        review = load_review(store)
    for trouble in review.troubles:
        warn(trouble)
    found = [
        (prompt, n, candidate)
        for prompt in review.prompts
        for n, candidate in enumerate(prompt.candidates, 1)
        if not undecided or candidate.decision is Decision.UNDECIDED
    ]
    if as_json:
        for prompt, _, candidate in found:
            write_json(_as_json(prompt, candidate))
    elif found:
        _show_table(found)
    else:
        say("Nothing waits for a review." if undecided else "There are no results yet.")
    return ExitCode.SOME_FAILED if review.troubles else ExitCode.OK


def show_results(numbers: Sequence[int], *, as_json: bool) -> ExitCode:
    """Print the prompts and the texts of these results, a JSON object in lines. Raises InputError."""
    with open_user_queue() as store:
        jobs = [done_job(store, number) for number in dict.fromkeys(numbers)]
        review = load_review(store)
    found = {
        candidate.number: (prompt, candidate)
        for prompt in review.prompts
        for candidate in prompt.candidates
    }
    for job in jobs:
        if job.number not in found:
            continue
        prompt, candidate = found[job.number]
        if as_json:
            write_json(_as_json(prompt, candidate))
        else:
            _show_texts(prompt, candidate)
    missing = [job for job in jobs if job.number not in found]
    for trouble in review.troubles if missing else ():
        warn(trouble)
    return ExitCode.SOME_FAILED if missing else ExitCode.OK


def _show_texts(prompt: Reviewed, candidate: Candidate) -> None:
    job = candidate.result.job
    write_line(f"job {job.number}  {safe(prompt.name)}  {candidate.decision}  {prompt.place}")
    if candidate.rating.stars or candidate.rating.note:
        write_line(f"{'★' * candidate.rating.stars} {candidate.rating.note}".strip())
    write_line(_how_made(candidate))
    for lint in candidate.lints:
        write_line(f"! {lint.kind}: {lint.message}")
    for text in (job.prompt, prompt_lines(candidate.result.prompt)):
        write_line("")
        for line in text.splitlines():
            write_line(line)
    write_line("")


def _how_made(candidate: Candidate) -> str:
    """Return in a line how the result was made: by whom, on which box, with which seed and profile."""
    made, job = candidate.result.provenance, candidate.result.job
    by = f"by {made['written_by']}" if not candidate.result.answer.notice else str(made["engine"])
    parts = (
        by,
        f"on {made['box']}",
        f"profile {made['profile']}",
        f"seed {job.seed + job.candidate}",
    )
    return " · ".join(parts)


def _as_json(prompt: Reviewed, candidate: Candidate) -> dict[str, Json]:
    job, result = candidate.result.job, candidate.result
    return {
        "job": job.number,
        "decision": candidate.decision.value,
        "name": job.name,
        "file": str(job.file),
        "entry": job.entry,
        "place": str(prompt.place),
        "seed": job.seed + job.candidate,
        "original": job.prompt,
        "prompt": result.prompt,
        "rating": candidate.rating.stars or None,
        "note": candidate.rating.note,
        "lints": [_lint_json(lint) for lint in candidate.lints],
        "provenance": dict(result.provenance),
    }


def _lint_json(lint: Lint) -> dict[str, Json]:
    return {
        "kind": lint.kind.value,
        "message": lint.message,
        "spans": [[span.start, span.end] for span in lint.spans],
    }


def _below(folder: Path, file: Path) -> str:
    """Return the file's path as one would write it in the folder."""
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def _show_table(found: list[tuple[Reviewed, int, Candidate]]) -> None:
    shown = table(
        "job", "decision", "name", "candidate", "tokens", "rating", "lints", "file",
        right=("job", "candidate", "tokens"), long=("name", "lints", "file"),
    )  # fmt: skip
    cwd = Path.cwd()
    for prompt, n, candidate in found:
        tokens = candidate.result.answer.completion_tokens
        shown.add_row(
            str(candidate.number),
            Text(
                f"{DECISION_GLYPHS[candidate.decision]} {candidate.decision}",
                _STYLES.get(candidate.decision, ""),
            ),
            Text(safe(prompt.name)),
            f"{n}/{len(prompt.candidates)}",
            "" if tokens is None else f"{tokens:,}",
            "★" * candidate.rating.stars,
            Text(", ".join(lint.kind.value for lint in candidate.lints), "yellow"),
            safe(_below(cwd, prompt.place)) if candidate.decision.is_wanted else "",
        )
    out().print(shown)
