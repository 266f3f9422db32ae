"""`upsample queue list`: which jobs there are and how they stand."""

from __future__ import annotations

from rich.text import Text

from backend.console import out, safe, say, table, write_json
from backend.exit_codes import ExitCode
from backend.store import Job, State, Store, default_path
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
    """The jobs that are not done, or all of them, oldest first."""
    store = Store(default_path())
    try:
        jobs = [job for job in store.jobs() if everything or job.state is not State.DONE]
    finally:
        store.close()
    if as_json:
        for job in jobs:
            write_json(_as_json(job))
    elif jobs:
        _show_table(jobs)
    else:
        say("The queue is empty.")
    return ExitCode.OK


def _as_json(job: Job) -> dict[str, Json]:
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
        "attempts": job.attempts,
        "error": job.error,
        "queued": job.queued,
        "changed": job.changed,
    }


def _show_table(jobs: list[Job]) -> None:
    shown = table("job", "state", "name", "box", "error", right=("job",), long=("name", "error"))
    for job in jobs:
        shown.add_row(
            str(job.number),
            Text(f"{_GLYPHS[job.state]} {job.state}", _STYLES.get(job.state, "")),
            Text(safe(job.name)),
            Text(safe(job.box)),
            Text(safe(job.error.partition("\n")[0])),
        )
    out().print(shown)
