"""`upsample box …`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from backend.cli.parameters import BoxName, Fingerprint
from backend.exit_codes import ExitCode

app = App(name="box", help="Add a box, look at its daemon, or end it.")


@app.command
def add(
    name: Annotated[str, Parameter(help="How you will call it.")] = "",
    /,
    *,
    host: Annotated[
        str, Parameter(help="A Host of ~/.ssh/config, user@host:port, or a whole `ssh …` line.")
    ] = "",
    engine: Annotated[
        str,
        Parameter(
            help="vllm, openai, sketch, a server's URL, the path of a vllm, or a `docker run` line."
        ),
    ] = "",
    model: Annotated[str, Parameter(help="A folder on the box, or a model's name.")] = "",
    root: Annotated[str, Parameter(help="The folder on the box for the runner.")] = "",
    yes: Annotated[
        bool, Parameter(name=["--yes", "-y"], help="Ask nothing; take what is suggested.")
    ] = False,
    accept_host_key: Fingerprint = None,
) -> ExitCode:
    """Add a box: look at a machine over SSH, and write what is to answer there into your config.

    What the options leave open is asked on a terminal.
    """
    from backend.commands.add_box import BoxOptions, add_box

    given = BoxOptions(name, host, engine, model, root, accept_host_key or "")
    return add_box(given, takes_suggestions=yes)


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
def replicas(
    name: BoxName = None,
    /,
    *,
    drain: Annotated[
        tuple[str, ...],
        Parameter(help="Give this replica no further request, and give it back once it has ended."),
    ] = (),
    restart: Annotated[
        tuple[str, ...],
        Parameter(help="Start this replica anew; what it works on is done by others."),
    ] = (),
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """List the replicas of a box, or the engines of its vLLM; or drain some, or start some anew."""
    from backend.commands.replicas import show_or_change_replicas

    return show_or_change_replicas(
        name, accept_host_key or "", drain=drain, restart=restart, as_json=json
    )


@app.command
def stop(name: BoxName = None, /, *, accept_host_key: Fingerprint = None) -> ExitCode:
    """End the daemon on a box, and its engine; jobs that it accepted are kept there."""
    from backend.commands.box import stop_daemon

    return stop_daemon(name, accept_host_key or "")
