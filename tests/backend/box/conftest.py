"""A user's machine in this process, real sshds, and SSH servers that behave as a test wants."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.support.daemons import end_daemons
from tests.support.laptop import Laptop
from tests.support.sshd import BOUND, LOOPBACK, Sshd, running_sshd

StartSshd = Callable[..., Sshd]
Act = Callable[["asyncssh.SSHServerProcess[bytes]"], Awaitable[None]]
Connected = Callable[[Act], AbstractAsyncContextManager[asyncssh.SSHClientConnection]]


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    """A user's machine; its home is the home of this process."""
    made = Laptop(tmp_path / "home", tmp_path / "work")
    monkeypatch.setenv("HOME", str(made.home))
    yield made
    end_daemons(tmp_path)


@pytest.fixture
def start_sshd(tmp_path: Path, laptop: Laptop) -> Iterator[StartSshd]:
    """Starts servers that let the laptop's user in; see `running_sshd`."""
    with ExitStack() as stack:
        count = 0

        def start(**options: Any) -> Sshd:
            nonlocal count
            count += 1
            return stack.enter_context(
                running_sshd(tmp_path / f"sshd{count}", laptop.public_key, **options)
            )

        yield start


@pytest.fixture
def sshd(start_sshd: StartSshd, laptop: Laptop) -> Sshd:
    """A server that is the Host testbox of the laptop's ssh config, its key not known yet."""
    server = start_sshd()
    laptop.add_host("testbox", server.port)
    return server


@pytest.fixture
def agent(laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real ssh-agent that holds the laptop's key, whose file is gone; gives its socket."""
    socket = tmp_path / "agent"
    program, add = shutil.which("ssh-agent"), shutil.which("ssh-add")
    if program is None or add is None:
        pytest.skip("OpenSSH's ssh-agent is not installed")
    process = subprocess.Popen([program, "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + BOUND
        while not socket.exists():
            assert time.monotonic() < deadline, "ssh-agent does not listen"
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run([add, "-q", str(laptop.key)], check=True)
        laptop.key.unlink()
        yield socket
    finally:
        process.terminate()
        process.wait(BOUND)


@pytest.fixture
def connected() -> Connected:
    """A connection to a server whose every session does what the test says."""

    @contextlib.asynccontextmanager
    async def connect(act: Act) -> AsyncIterator[asyncssh.SSHClientConnection]:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.listen(
            LOOPBACK,
            0,
            server_host_keys=[key],
            authorized_client_keys=asyncssh.import_authorized_keys(
                key.export_public_key().decode()
            ),
            process_factory=act,
            encoding=None,
            config=None,
        )
        async with server, asyncssh.connect(
            LOOPBACK, server.get_port(), username="u", client_keys=[key], known_hosts=None,
            agent_path=None, config=None,
        ) as connection:  # fmt: skip
            yield connection

    return connect
