"""`upsample box …`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from backend.cli.parameters import BoxName, Fingerprint
from backend.exit_codes import ExitCode

app = App(name="box", help="Look at the daemon on a box, or end it.")


@app.command
def status(
    name: BoxName = None,
    /,
    *,
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Show what the daemon on a box says of itself; it is started if none runs."""
    from backend.commands.box import show_status

    return show_status(name, accept_host_key or "", as_json=json)


@app.command
def logs(
    name: BoxName = None,
    /,
    *,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], help="Go on with each new line, until Ctrl-C.")
    ] = False,
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Print the end of the log on a box, the engine's lines in it."""
    from backend.commands.box import show_log

    return show_log(name, accept_host_key or "", follow=follow, as_json=json)


@app.command
def stop(name: BoxName = None, /, *, accept_host_key: Fingerprint = None) -> ExitCode:
    """End the daemon on a box, and its engine; jobs that it accepted are kept there."""
    from backend.commands.box import stop_daemon

    return stop_daemon(name, accept_host_key or "")
