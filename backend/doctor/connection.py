"""Describes the SSH connection to the box, or the stage at which it failed, and the box's clock."""

from __future__ import annotations

import asyncssh

from backend.box.links.link import Box
from backend.doctor.findings import failed_finding, ok_finding, skipped_finding, warning_finding
from backend.errors import BoxError, BoxRefusedLogin, BoxUntrusted
from remote.protocol import Finding

AREA = "SSH"
_STAGES = ("connection", "host key", "login")
_REMEDIES = {
    "connection": "Does `ssh HOST` work? Is `host` of the box right, the machine on, the VPN up?",
    "host key": "Ask the box's owner for its fingerprint.",
    "login": "Does `ssh HOST` work? Add your key there, or to the agent (ssh-add).",
}
_SKEW_SECONDS = 5.0


def describe_connection(
    box: Box, connection: asyncssh.SSHClientConnection, seconds: float
) -> list[Finding]:
    """Describe a connection that works."""
    if not box.host:
        return [
            ok_finding(AREA, "connection", "the embedded box: this machine, no SSH server needed")
        ]
    address, port, *_ = connection.get_extra_info("peername") or ("?", "?")
    server = str(connection.get_extra_info("server_version") or "").removeprefix("SSH-2.0-")
    key = connection.get_server_host_key()
    user = connection.get_extra_info("username")
    reached = f"{box.host} is {address} port {port}, {server}; logged in after {seconds:.1f} s"
    shown = "trusted"
    if key is not None:
        shown += f"; {key.get_algorithm()} {key.get_fingerprint('sha256')}"
    return [
        ok_finding(AREA, "connection", reached),
        ok_finding(AREA, "host key", shown),
        ok_finding(AREA, "login", f"as {user}"),
    ]


def describe_no_connection(box: Box, error: BoxError) -> list[Finding]:
    """Describe the stages that worked, and the one that failed."""
    failed = 0
    if isinstance(error, BoxUntrusted):
        failed = 1
    elif isinstance(error, BoxRefusedLogin):
        failed = 2
    name = _STAGES[failed]
    remedy = error.remedy or _REMEDIES[name].replace("HOST", box.host)
    return [
        *(ok_finding(AREA, stage, f"{box.host} answers") for stage in _STAGES[:1] if failed),
        *(ok_finding(AREA, stage, "is trusted") for stage in _STAGES[1:2] if failed > 1),
        failed_finding(AREA, name, error.problem, remedy),
        *(
            skipped_finding(AREA, stage, f"because {name} failed")
            for stage in _STAGES[failed + 1 :]
        ),
        skipped_finding("box", "everything", f"on the box, because {name} failed"),
    ]


def describe_clock(there: float, here: float) -> Finding:
    """Compare the clocks of the box and of this machine; both are in Unix time."""
    skew = there - here
    if abs(skew) < _SKEW_SECONDS:
        return ok_finding("box", "clock", f"within {_SKEW_SECONDS:.0f} s of this machine's")
    direction = "ahead of" if skew > 0 else "behind"
    return warning_finding(
        "box", "clock", f"{abs(skew):,.0f} s {direction} this machine's",
        "Times in results and logs will be off, and certificates may be refused. Turn NTP on "
        "(timedatectl set-ntp true) where it is off.",
    )  # fmt: skip
