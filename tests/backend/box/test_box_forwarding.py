"""What the box gets of the laptop: nothing but the runner's bytes. No agent, no X11, no environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from backend.box.ssh.connecting import connect
from tests.backend.box.conftest import StartSshd
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.sshd import BOUND, LOOPBACK, USER, Sshd

_FORWARD = "ForwardAgent yes\n  ForwardX11 yes\n  ForwardX11Trusted yes"
_LOOK = 'echo "agent ${SSH_AUTH_SOCK-none}, display ${DISPLAY-none}"'


async def _seen_there(host: str) -> str:
    async with connect(host, Person(accepts=True)) as connection:
        ran = await connection.run(_LOOK, check=True, timeout=30)
        return str(ran.stdout).strip()


async def test_the_agent_logs_in_and_is_not_forwarded(
    start_sshd: StartSshd, laptop: Laptop, agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_sshd(options=["AllowAgentForwarding yes", "X11Forwarding yes"])
    laptop.add_host("testbox", server.port, more=_FORWARD)
    monkeypatch.setenv("DISPLAY", ":7")
    # The server would let it: ssh itself gets both.
    assert _by_ssh(laptop, server).startswith("agent /")
    assert await _seen_there("testbox") == "agent none, display none"


async def test_no_hop_of_a_way_gets_the_agent(
    start_sshd: StartSshd, laptop: Laptop, agent: Path
) -> None:
    gate, box = start_sshd(), start_sshd()
    laptop.add_host("gate", gate.port, more=_FORWARD)
    laptop.add_host("testbox", box.port, more=f"ProxyJump gate\n  {_FORWARD}")
    assert await _seen_there("testbox") == "agent none, display none"
    assert await _seen_there("gate") == "agent none, display none"
    assert (gate.logins(), box.logins()) == (2, 1)


def _by_ssh(laptop: Laptop, server: Sshd) -> str:
    ran = subprocess.run(
        [
            *(shutil.which("ssh") or "ssh", "-A", "-F", "none", "-p", str(server.port)),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *(f"{USER}@{LOOPBACK}", _LOOK),
        ],
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=True,
    )
    return ran.stdout.strip()
