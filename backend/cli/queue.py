"""`upsample queue …`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from backend.cli.parameters import Fingerprint, JobNumber
from backend.exit_codes import ExitCode

app = App(name="queue", help="Look at the queue of jobs, and change what is in it.")


@app.command(name="list")
def list_(
    *,
    all: Annotated[bool, Parameter(help="Those that are done, too.")] = False,  # noqa: A002
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """List the jobs that are still to be done, or failed."""
    from backend.commands.queue.list_jobs import list_jobs

    return list_jobs(everything=all, as_json=json)


@app.command
def cancel(
    *jobs: JobNumber,
    all: Annotated[bool, Parameter(help="Every job that has not ended.")] = False,  # noqa: A002
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Cancel jobs, also those that a box is working on."""
    from backend.commands.queue.cancel import cancel_jobs

    return cancel_jobs(jobs, accept_host_key or "", everything=all, as_json=json)


@app.command
def pause(
    *jobs: JobNumber,
    all: Annotated[bool, Parameter(help="Every job that waits.")] = False,  # noqa: A002
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Let jobs wait until they are resumed; an open upsample takes back those that wait on a box."""
    from backend.commands.queue.pause import pause_jobs

    return pause_jobs(jobs, everything=all, as_json=json)


@app.command
def resume(
    *jobs: JobNumber,
    all: Annotated[bool, Parameter(help="Every job that is paused.")] = False,  # noqa: A002
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Let paused jobs go on."""
    from backend.commands.queue.resume import resume_jobs

    return resume_jobs(jobs, everything=all, as_json=json)


@app.command
def move(
    *jobs: JobNumber,
    first: Annotated[bool, Parameter(help="Before all others that wait.")] = False,
    last: Annotated[bool, Parameter(help="After all others.")] = False,
    up: Annotated[bool, Parameter(help="Before the job that they follow.")] = False,
    down: Annotated[bool, Parameter(help="After the job that follows them.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Let waiting jobs be done earlier or later, on a box, too."""
    from backend.commands.queue.move import move_waiting

    return move_waiting(jobs, first=first, last=last, up=up, down=down, as_json=json)


@app.command
def reassign(
    *jobs: JobNumber,
    box: Annotated[str, Parameter(help="The box that is to do them.")],
    from_: Annotated[
        str, Parameter(name="--from", help="Every job that this box has, or is to have.")
    ] = "",
    mixed: Annotated[
        bool, Parameter(help="Although the boxes would answer differently.", negative="")
    ] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Give jobs to another box; the first answer counts, and a second one is kept for a review."""
    from backend.commands.queue.reassign import reassign_jobs

    return reassign_jobs(jobs, box, of_box=from_, mixed=mixed, as_json=json)


@app.command
def retry(
    *jobs: JobNumber,
    failed: Annotated[bool, Parameter(help="Every job that failed.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Queue jobs again that failed or were cancelled."""
    from backend.commands.queue.retry import retry_jobs

    return retry_jobs(jobs, failed=failed, as_json=json)


@app.command
def clear(
    *,
    done: Annotated[bool, Parameter(help="Only those that are done.")] = False,
    failed: Annotated[bool, Parameter(help="Only those that failed or were cancelled.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Forget the jobs that have ended; files stay, and so does what was never written to one."""
    from backend.commands.queue.clear import clear_jobs

    return clear_jobs(done=done, failed=failed, as_json=json)
