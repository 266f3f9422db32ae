"""`upsample deploy`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from backend.cli.parameters import BoxName, Fingerprint
from backend.exit_codes import ExitCode


def deploy(
    name: BoxName = None,
    /,
    *,
    accept_host_key: Fingerprint = None,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Put the runner on a box, and remove old ones that nothing uses; other commands do so by themselves.

    Nothing is started there.
    """
    from backend.commands.deploy import deploy_runner

    return deploy_runner(name, accept_host_key or "", as_json=json)
