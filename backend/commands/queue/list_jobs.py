"""`upsample queue list`: list the jobs of the queue with their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.text import Text

from backend.commands.queue import open_user_queue
from backend.console import out, safe, say, table, write_json
from backend.exit_codes import ExitCode
from backend.store import Attempt, Job, State
from remote.protocol import Json

_STYLES = {State.DONE: "green", State.FAILED: "red", State.RUNNING: "cyan", State.SENT: "cyan"}
_GLYPHS = {
    State.QUEUED: "·",
    State.PAUSED: "‖",
    State.PREPARING: "◦",
    State.SENT: "↑",
    State.RUNNING: "▶",
    State.DONE: "✓",
    State.FAILED: "✗",
    State.CANCELLED: "-",
}


def list_jobs(*, everything: bool, as_json: bool) -> ExitCode:
    """Print the jobs that are not done, or all jobs, the oldest first."""
    with open_user_queue() as store:
        jobs = store.jobs() if everything else store.in_states(set(State) - {State.DONE})
        attempts = store.attempts(job.number for job in jobs)
    if as_json:
        for job in jobs:
            write_json(_as_json(job, attempts.get(job.number, [])))
    elif jobs:
        _show_table(jobs, attempts)
    else:
        say("The queue is empty.")
    return ExitCode.OK


def _as_json(job: Job, attempts: Sequence[Attempt]) -> dict[str, Json]:
    return {
        "job": job.number,
        "state": job.state.value,
        "name": job.name,
        "box": job.box,
        "file": str(job.file),
        "entry": job.entry,
        "candidate": job.candidate,
        "seed": job.seed,
        "destination": str(job.destination),
        "identity": job.identity,
        "sent": job.attempts,
        "attempts": [asdict(attempt) for attempt in attempts],
        "error": job.error,
        "queued": job.queued,
        "changed": job.changed,
    }


def _show_table(jobs: Sequence[Job], attempts: Mapping[int, Sequence[Attempt]]) -> None:
    shown = table("job", "state", "name", "box", "error", right=("job",), long=("name", "error"))
    for job in jobs:
        shown.add_row(
            str(job.number),
            Text(f"{_GLYPHS[job.state]} {job.state}", _STYLES.get(job.state, "")),
            Text(safe(job.name)),
            Text(safe(job.box)),
            Text(safe(_trouble(job, attempts.get(job.number, [])))),
        )
    out().print(shown)


def _trouble(job: Job, attempts: Sequence[Attempt]) -> str:
    """Return one line that says why the job failed or is tried again; empty if neither is so."""
    number = f"attempt {len(attempts)}: " if len(attempts) > 1 else ""
    if job.error:
        return number + job.error.partition("\n")[0]
    failed = [attempt for attempt in attempts if attempt.error]
    if failed and not job.state.ended:
        why, _, _ = failed[-1].error.partition("\n")
        return f"{number}again after: {why}"
    return ""
