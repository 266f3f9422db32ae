"""Questions that come up while connecting to a box, and who answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HostKeyQuestion:
    """The question whether an unknown host key is the right one."""

    host: str
    """The host as the user names it, with the port unless it is 22."""
    algorithm: str
    fingerprint: str
    """The SHA-256 fingerprint in OpenSSH's form: "SHA256:…"."""

    @property
    def public_key_file(self) -> str:
        """The file in which OpenSSH keeps this kind of host key on the host."""
        kind = next((k for k in ("ed25519", "ecdsa", "rsa") if k in self.algorithm), "*")
        return f"/etc/ssh/ssh_host_{kind}_key.pub"


class Asker(Protocol):
    """Answers questions: a person at a terminal, a dialog, or a program that always says no."""

    @property
    def is_there(self) -> bool:
        """Whether a person can be asked. If not, `secret` always returns None."""
        ...

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        """Ask whether this is the key of that host. Returns False unless the answer is a clear yes."""
        ...

    async def secret(self, prompt: str) -> str | None:
        """Ask for a password or passphrase. Returns None when there is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class UnattendedAsker:
    """Answers in an unattended run: accepts only the host key that was given beforehand."""

    expected_fingerprint: str = ""
    is_there: bool = False

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        return bool(self.expected_fingerprint) and question.fingerprint == self.expected_fingerprint

    async def secret(self, prompt: str) -> str | None:
        return None
