"""Questions that reaching a box can raise, and who answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HostKeyQuestion:
    """A host key that nobody has vouched for yet."""

    host: str
    """As the user names it, with the port unless it is 22."""
    algorithm: str
    fingerprint: str
    """SHA-256 in OpenSSH's spelling: "SHA256:…"."""

    @property
    def public_key_file(self) -> str:
        """Where OpenSSH keeps the host key of this kind on the host itself."""
        kind = next((k for k in ("ed25519", "ecdsa", "rsa") if k in self.algorithm), "*")
        return f"/etc/ssh/ssh_host_{kind}_key.pub"


class Asker(Protocol):
    """Somebody who can be asked: a person at a terminal, a dialog, or nobody (always no)."""

    @property
    def is_there(self) -> bool:
        """False when every secret is None."""
        ...

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether this is really the key of that host. Without a clear yes: False."""
        ...

    async def secret(self, prompt: str) -> str | None:
        """A password or passphrase; None when it is not to be had."""
        ...


@dataclass(frozen=True, slots=True)
class UnattendedAsker:
    """Answers for an unattended run: only the host key named beforehand is accepted."""

    expected_fingerprint: str = ""
    is_there: bool = False

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        return bool(self.expected_fingerprint) and question.fingerprint == self.expected_fingerprint

    async def secret(self, prompt: str) -> str | None:
        return None
