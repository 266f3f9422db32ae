"""Checks host keys against the known_hosts files.

A known key is accepted. For an unknown key, the user is asked, and an accepted key is added to the file. A
key that differs from the known one always stops the connection; only an edit of the file changes that.
asyncssh gets the known keys from us, because with `UserKnownHostsFile none` it would switch the check off.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh

from backend.box.asker import Asker, HostKeyQuestion
from backend.box.ssh.known_hosts_command import ask_known_hosts_command
from backend.box.ssh.login_keys import LoginKeys
from backend.box.ssh_config.host_settings import HostSettings, known_hosts_pattern
from backend.box.ssh_config.reading import DEFAULT_PORT
from backend.errors import BoxUntrusted
from backend.files import write_whole

Match = tuple[Sequence[object], ...]
"""The result of a look-up in asyncssh: host keys, authorities, revoked keys, and the same for X.509."""

ADDED_BY = "added-by-upsample"
"""The comment of each line that is added to a known_hosts file, by which it is found again."""

_KEY_LIST = b"SSHKRL\n\0"
"""The beginning of OpenSSH's binary lists of revoked keys."""


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The known_hosts files that apply to a host."""

    files: tuple[Path, ...]
    """The files that are read."""
    own_file: Path | None = None
    """The user's file, to which accepted keys are added; None where the ssh config wants none."""
    revoked: tuple[Path, ...] = ()
    """Files with a public key in each line, none of which is good for any host."""
    more: str = ""
    """known_hosts lines that are in no file: of a KnownHostsCommand, and of keys accepted in this session."""

    def load(self) -> asyncssh.SSHKnownHosts:
        """Load all known keys. Raises BoxUntrusted when a file cannot be parsed."""
        known = asyncssh.SSHKnownHosts()
        for file in self.files:
            try:
                known.load(_ascii(file.read_text(encoding="utf-8", errors="replace")))
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                raise BoxUntrusted(
                    f"cannot read {file}: {error}", "Mend or remove the damaged line."
                ) from error
        for file in self.revoked:
            known.load(_revoked_lines(file))
        try:
            known.load(_ascii(self.more))
        except ValueError as error:
            raise BoxUntrusted(
                f"KnownHostsCommand of the ssh config prints what is no known_hosts line: {error}"
            ) from error
        return known

    def holder_of(self, host: str, port: int) -> str:
        """Return the file that holds a known key of the host, for messages."""
        for file in self.files:
            trusted, *_ = (
                KnownHosts((file,)).load().match(_ascii(known_hosts_pattern(host, port)), "", None)
            )
            if trusted:
                return str(file)
        return "KnownHostsCommand or this session"

    def matcher(self) -> Callable[[str, str, int | None], Match]:
        """Return a function that tells asyncssh the valid and the revoked keys of a host.

        It ignores the address, as ssh does, because DNS must not decide which key is valid. Raises
        BoxUntrusted as `load` does.
        """
        keys = self.load()
        return lambda host, _address, port: keys.match(_ascii(host), "", port)

    def keys_of(self, host: str, port: int) -> Sequence[asyncssh.SSHKey]:
        """Return the known keys of a host."""
        trusted, *_ = self.load().match(_ascii(known_hosts_pattern(host, port)), "", None)
        return trusted

    def has_authority_for(self, host: str, port: int) -> bool:
        """Whether some certificate authority is known for this host."""
        _, authorities, *_ = self.load().match(_ascii(known_hosts_pattern(host, port)), "", None)
        return bool(authorities)

    def remember(self, host: str, port: int, key: asyncssh.SSHKey) -> KnownHosts:
        """Add the key to the user's file, and return the known hosts with it.

        The key counts as known in this session even where the file cannot be written or is /dev/null.
        """
        public = " ".join(key.export_public_key("openssh").decode().split()[:2])
        line = f"{known_hosts_pattern(host, port)} {public} {ADDED_BY}\n"
        if self.own_file is not None:
            with contextlib.suppress(OSError):
                _append(self.own_file, line)
        return replace(self, more=f"{self.more}\n{line}")


def count_added(file: Path) -> int:
    """Count the lines of a known_hosts file that this program added; 0 where it cannot be read."""
    with contextlib.suppress(OSError):
        return sum(map(_is_added, file.read_bytes().splitlines()))
    return 0


def remove_added(file: Path) -> None:
    """Remove the lines that this program added to a known_hosts file; an empty file goes, too.

    Raises OSError. A link stays, and what it leads to is changed.
    """
    target = file.resolve()
    lines = target.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not _is_added(line)]
    if kept:
        write_whole(target, b"".join(kept))
    else:
        target.unlink()


def _is_added(line: bytes) -> bool:
    return line.split()[-1:] == [ADDED_BY.encode()]


def _append(file: Path, line: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as opened:
        size = opened.seek(0, os.SEEK_END)
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = "\n" + line
        opened.write(line.encode())


def _revoked_lines(file: Path) -> str:
    """Return the keys of a file of RevokedHostKeys as known_hosts lines. Raises BoxUntrusted.

    As for OpenSSH, a file that is missing stops everything: nobody can say which keys it would name.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BoxUntrusted(
            f"cannot read {file}: {error}", "RevokedHostKeys in the ssh config names it."
        ) from error
    if content.startswith(_KEY_LIST):
        raise BoxUntrusted(
            f"{file} is a binary list of revoked keys, which is not read here",
            "Let RevokedHostKeys in the ssh config name a text file with a public key in each line.",
        )
    lines = [line.strip() for line in _ascii(content.decode("utf-8", "replace")).splitlines()]
    return "".join(f"@revoked * {line}\n" for line in lines if line and not line.startswith("#"))


async def known_hosts_of(settings: HostSettings) -> KnownHosts:
    """Return the known hosts that the ssh config names for a host. Raises ValueError."""
    users = settings.users_known_hosts
    return KnownHosts(
        (*users, *settings.systems_known_hosts),
        users[0] if users else None,
        tuple(settings.revoked_keys),
        await ask_known_hosts_command(settings.known_hosts_command),
    )


class HostKeyCheck(asyncssh.SSHClient):
    """asyncssh's callbacks for one connection.

    They record an untrusted host key, offer the keys to log in with, and ask for passwords.
    """

    _MOST_PASSWORDS = 3

    def __init__(self, settings: HostSettings, asker: Asker) -> None:
        self._asker = asker
        self._login = f"{settings.user}@{settings.destination.host}"
        self.keys = LoginKeys(settings, self._ask_passphrase if asker.is_there else None)
        """The keys to log in with."""
        self._passwords = 0
        self.offered: asyncssh.SSHKey | None = None
        """The host key that was offered, where it is not a known one."""
        self.has_unknown_authority = False
        """Whether the host offered a certificate of an unknown authority instead of a key."""

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.offered = key
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.has_unknown_authority = True
        return False

    async def public_key_auth_requested(self) -> Sequence[asyncssh.SSHKeyPair] | None:
        return await self.keys.next_keys()

    async def password_auth_requested(self) -> str | None:
        return await self._ask_password(f"Password for {self._login}: ")

    def kbdint_auth_requested(self) -> str | None:
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        answers = [await self._ask_password(f"({self._login}) {prompt}") for prompt, _ in prompts]
        return None if None in answers else [answer or "" for answer in answers]

    async def _ask_passphrase(self, file: str) -> str:
        return await self._asker.secret(f"Passphrase for {file}: ") or ""

    async def _ask_password(self, prompt: str) -> str | None:
        self._passwords += 1
        if self._passwords > self._MOST_PASSWORDS:
            return None
        return await self._asker.secret(prompt)


async def settle_host_key(
    host: str, port: int, key: asyncssh.SSHKey, known: KnownHosts, asker: Asker
) -> KnownHosts:
    """Ask about an unknown host key, and return the known hosts with it.

    Raises BoxUntrusted when it is revoked, differs from a known key, or is not accepted.
    """
    name = _name(host, port)
    fingerprint = key.get_fingerprint("sha256")
    trusted, _, revoked, *_ = known.load().match(_ascii(known_hosts_pattern(host, port)), "", None)
    if key in revoked:
        raise BoxUntrusted(f"the host key of {name} was revoked ({fingerprint})")
    if trusted:
        raise BoxUntrusted(
            f"the host key of {name} has CHANGED: it offers {fingerprint}, and "
            f"{known.holder_of(host, port)} holds another one. Somebody may be listening in, or the "
            "box was set up anew.",
            f"Ask its owner. If the change is meant: ssh-keygen -R '{known_hosts_pattern(host, port)}' "
            "removes the old key.",
        )
    question = HostKeyQuestion(name, key.get_algorithm(), fingerprint)
    if not await asker.accepts_host_key(question):
        raise BoxUntrusted(
            f"the host key of {name} is not known: {question.algorithm} {fingerprint}",
            f"Compare it with the box's own (there: ssh-keygen -lf {question.public_key_file}), then "
            f"run again with --accept-host-key {fingerprint}",
        )
    return known.remember(host, port, key)


def _ascii(text: str) -> str:
    """Return the text with escapes for what is not ASCII.

    asyncssh passes over a key whose comment is not ASCII, and a revoked one must not be passed over.
    """
    return text.encode("ascii", "backslashreplace").decode()


def _name(host: str, port: int) -> str:
    return host if port == DEFAULT_PORT else f"{host}:{port}"
