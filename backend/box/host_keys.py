"""Is this the host that the user means? The rules, and the known_hosts file behind them.

Known key: go on. Unknown key: ask, and remember a yes. Another key than the known one: stop, always; no
answer of anybody's goes past that, only an edit of the file. asyncssh is given the known keys outright,
because its own reading of `UserKnownHostsFile none` would switch the check off.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh

from backend.box.asker import Asker, HostKeyQuestion
from backend.errors import BoxUntrusted

Match = tuple[Sequence[object], ...]
"""asyncssh's: host keys, authorities, revoked keys, and the same three of X.509 with its subjects."""

_SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The known_hosts files that apply to a host."""

    files: tuple[Path, ...]
    """The user's first; an accepted key is added to it."""
    accepted: str = ""
    """Lines for keys that were accepted since the files were read."""

    def load(self) -> asyncssh.SSHKnownHosts:
        """Every key that is known. Raises BoxUntrusted when a file cannot be understood."""
        known = asyncssh.SSHKnownHosts()
        for file in self.files:
            try:
                known.load(file.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                raise BoxUntrusted(
                    f"cannot read {file}: {error}", "Mend or remove the damaged line."
                ) from error
        known.load(self.accepted)
        return known

    def matcher(self) -> Callable[[str, str, int | None], Match]:
        """What tells asyncssh which keys and authorities a host may have, and which were revoked.

        The address is left aside, as ssh does: where DNS leads must not decide whose key is good.
        Raises BoxUntrusted as `load` does.
        """
        keys = self.load()
        return lambda host, _address, port: keys.match(host, "", port)

    def keys_of(self, host: str, port: int) -> Sequence[asyncssh.SSHKey]:
        """The keys that this host may have."""
        trusted, *_ = self.load().match(_pattern(host, port), "", None)
        return trusted

    def has_authority_for(self, host: str, port: int) -> bool:
        """Whether a certificate of some authority would do for this host."""
        _, authorities, *_ = self.load().match(_pattern(host, port), "", None)
        return bool(authorities)

    def remember(self, host: str, port: int, key: asyncssh.SSHKey) -> KnownHosts:
        """Add the key to the user's file, and return what is known then.

        A file that cannot be written, or forgets (/dev/null), does not undo the answer for this time.
        """
        line = f"{_pattern(host, port)} {key.export_public_key('openssh').decode().strip()}\n"
        with contextlib.suppress(OSError):
            self._append(line)
        return replace(self, accepted=self.accepted + line)

    def _append(self, line: str) -> None:
        file = self.files[0]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as opened:
            size = opened.seek(0, os.SEEK_END)
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = "\n" + line
            opened.write(line.encode())


def known_hosts_files(configured: Sequence[str]) -> KnownHosts:
    """The files for a host whose ssh config names these (none: the usual ones)."""
    users = [Path(file).expanduser() for file in configured]
    return KnownHosts((*(users or [Path("~/.ssh/known_hosts").expanduser()]), _SYSTEM_FILE))


class HostKeyCheck(asyncssh.SSHClient):
    """asyncssh's callbacks for one connection: notes an untrusted key, and asks for passwords."""

    _MOST_PASSWORDS = 3

    def __init__(self, asker: Asker, login: str) -> None:
        self._asker = asker
        self._login = login
        self._passwords = 0
        self.offered: asyncssh.SSHKey | None = None
        """The key that was offered and is not among the known ones."""
        self.has_unknown_authority = False
        """A certificate was offered instead, by an authority that is not among the known ones."""

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.offered = key
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.has_unknown_authority = True
        return False

    @property
    def passphrase(self) -> Callable[[str], Awaitable[str]] | None:
        """For encrypted keys; without somebody to ask they are passed over."""
        return self._ask_passphrase if self._asker.is_there else None

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
    """Decide about a key that is not among the known ones; returns what is known with it.

    Raises BoxUntrusted when it was not accepted.
    """
    name = _name(host, port)
    fingerprint = key.get_fingerprint("sha256")
    trusted, _, revoked, *_ = known.load().match(_pattern(host, port), "", None)
    if key in revoked:
        raise BoxUntrusted(f"the host key of {name} was revoked ({fingerprint})")
    if trusted:
        raise BoxUntrusted(
            f"the host key of {name} has CHANGED: it offers {fingerprint}, and {known.files[0]} "
            f"holds another one. Somebody may be listening in, or the box was set up anew.",
            f"Ask its owner. If the change is meant: ssh-keygen -R '{_pattern(host, port)}' "
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


def _name(host: str, port: int) -> str:
    return host if port == asyncssh.DEFAULT_PORT else f"{host}:{port}"


def _pattern(host: str, port: int) -> str:
    """The host as known_hosts spells it."""
    return host if port == asyncssh.DEFAULT_PORT else f"[{host}]:{port}"
