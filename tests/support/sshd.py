"""A real OpenSSH server on loopback, with a config, host key and authorized keys of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from tests.support.leftovers import hand_on

LOOPBACK = "127.0.0.1"
USER = getpass.getuser()
BOUND = 90.0
"""Seconds that anything may take here before the test has failed."""

_PORTS = range(20_000, 32_768)
"""Above the ports of Ray's workers, below those that Linux gives to outgoing connections."""
_PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True)
class Sshd:
    """A running server."""

    port: int
    host_key: asyncssh.SSHKey
    log: Path

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint("sha256")

    def logins(self) -> int:
        """How often somebody was let in so far."""
        return self.log.read_text().count("Accepted publickey")

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse every login while the block runs, as a box does whose homes are not mounted yet."""
        keys = self.log.with_name("authorized_keys")
        away = keys.rename(keys.with_name("authorized_keys.away"))
        try:
            yield
        finally:
            away.rename(keys)


def new_key(file: Path) -> asyncssh.SSHKey:
    """A new key, its private half in this file and its public half beside it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    file.parent.mkdir(parents=True, exist_ok=True)
    key.write_private_key(file)
    key.write_public_key(file.with_name(file.name + ".pub"))
    file.chmod(0o600)
    return key


def known_hosts_line(port: int, key: asyncssh.SSHKey, host: str = LOOPBACK) -> str:
    """What known_hosts says of a host key."""
    return f"[{host}]:{port} {key.export_public_key('openssh').decode().strip()}\n"


def find_sshd() -> str:
    """The server's program. Without one the test is passed over, but not in CI."""
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None and os.environ.get("CI"):
        pytest.fail("the CI machine must have sshd, or the way to a box goes untested")
    if program is None:
        pytest.skip("OpenSSH's sshd is not installed")
    return program


@dataclass(frozen=True)
class PreparedSshd:
    """A server that was not started yet."""

    command: Sequence[str]
    """What starts it in the foreground, without its port."""
    host_key: asyncssh.SSHKey
    log: Path


def prepare_sshd(
    folder: Path,
    authorized_key: Path,
    *,
    host_key: asyncssh.SSHKey | None = None,
    path: str = "",
    sftp: str = "internal-sftp",
    options: Sequence[str] = (),
    more_environment: Mapping[str, str] | None = None,
) -> PreparedSshd:
    """A server that lets in whoever has the key, with everything of its own in `folder`.

    `sftp` is its SFTP server; with an empty one, it has none.
    `path` replaces the PATH of its commands, and `more_environment` is added to their environment; their
    home is `folder`/home, so that no rc file of a person is read.
    """
    program = find_sshd()
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    host_key_file = folder / "host_key"
    if host_key is None:
        host_key = new_key(host_key_file)
    else:
        host_key.write_private_key(host_key_file)
        host_key_file.chmod(0o600)
    shutil.copyfile(authorized_key, folder / "authorized_keys")
    environment = {"HOME": home, "PATH": path or _path_with_python()} | hand_on()
    environment |= more_environment or {}
    config = [
        f"ListenAddress {LOOPBACK}",
        f"HostKey {host_key_file}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        f"PidFile {folder / 'sshd.pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "LogLevel VERBOSE",
        *([f"Subsystem sftp {sftp}"] if sftp else []),
        f"SetEnv {' '.join(f'{name}={value}' for name, value in environment.items())}",
        *options,
    ]
    config_file = folder / "sshd_config"
    config_file.write_text("\n".join(config) + "\n")
    log = folder / "sshd.log"
    command = (program, "-D", "-f", str(config_file), "-E", str(log))
    return PreparedSshd(command, host_key, log)


@contextlib.contextmanager
def running_sshd(
    folder: Path,
    authorized_key: Path,
    *,
    host_key: asyncssh.SSHKey | None = None,
    port: int | None = None,
    path: str = "",
    sftp: str = "internal-sftp",
    options: Sequence[str] = (),
    more_environment: Mapping[str, str] | None = None,
) -> Iterator[Sshd]:
    """A server that runs; see `prepare_sshd`."""
    prepared = prepare_sshd(
        folder,
        authorized_key,
        host_key=host_key,
        path=path,
        sftp=sftp,
        options=options,
        more_environment=more_environment,
    )
    ports = [port] if port else [free_port() for _ in range(5)]
    process, port = _listening(prepared.command, prepared.log, ports)
    try:
        yield Sshd(port, prepared.host_key, prepared.log)
    finally:
        _end(process)


def free_port() -> int:
    """A port of loopback where nobody listens.

    The kernel gives none of these to a connection by itself, so it is still free when a server takes it.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind((LOOPBACK, port))
            return port


def _path_with_python() -> str:
    return f"{Path(sys.executable).parent}:/usr/bin:/bin"


def _listening(
    command: Sequence[str], log: Path, ports: Sequence[int]
) -> tuple[subprocess.Popen[bytes], int]:
    """The server, once it listens, and its port: the first of these that nobody took meanwhile."""
    for port in ports:
        read = log.stat().st_size if log.exists() else 0
        process = subprocess.Popen(
            [*command, "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # Its own word, as whoever answers at the port may be somebody else.
        sign = f"Server listening on {LOOPBACK} port {port}.".encode()
        deadline = time.monotonic() + BOUND
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and sign in log.read_bytes()[read:]:
                return process, port
            time.sleep(0.02)
        _end(process)
    pytest.fail(f"sshd does not listen: {log.read_text() if log.exists() else 'no log'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(BOUND)
