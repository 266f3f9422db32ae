"""Finds the keys to log in with, in OpenSSH's order: the agent's, then those in files.

Agent keys whose files the ssh config names come first, because a server hears only some keys. A key that
cannot be used is passed over, as OpenSSH does, and noted, so that a refused login can say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

import asyncssh

from backend.box.ssh_config.host_settings import HostSettings

AskPassphrase = Callable[[str], Awaitable[str]]

_PUTTY = b"PuTTY-User-Key-File"
_SECONDS = 2.0
"""Seconds for closing the connection to the agent."""


class LoginKeys:
    """The keys for one host, and the questions for their passphrases.

    Close it when the login is over and the connection closed.
    """

    def __init__(self, settings: HostSettings, ask_passphrase: AskPassphrase | None) -> None:
        """Where nobody can be asked, `ask_passphrase` is None, and encrypted keys are passed over."""
        self._settings = settings
        self._ask_passphrase = ask_passphrase
        self._agent: asyncssh.SSHAgentClient | None = None
        self._questions: set[asyncio.Task[object]] = set()
        """The questions that are open. asyncssh does not end them when the login ends."""
        self._batches = self._load()
        self.passed_over: list[str] = []
        """What could not be used so far, and why."""
        self.tried: list[str] = []
        """The keys that were given out so far: what each is called, and its kind."""

    async def next_keys(self) -> Sequence[asyncssh.SSHKeyPair] | None:
        """Return the keys to try next; None after the last ones."""
        keys = await anext(self._batches, None)
        self.tried += [_described(key) for key in keys or ()]
        return keys

    async def close(self) -> None:
        """Withdraw open questions, and close the connection to the agent."""
        for question in self._questions:
            question.cancel()
        with contextlib.suppress(RuntimeError):  # it is at work for a login that was given up
            await self._batches.aclose()
        if self._agent is not None:
            self._agent.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await self._agent.wait_closed()

    async def _load(self) -> AsyncGenerator[Sequence[asyncssh.SSHKeyPair], None]:
        settings = self._settings
        if provider := settings.options.get_unless_none("pkcs11provider"):
            self.passed_over.append(
                f"PKCS11Provider (its keys can be in the agent: ssh-add -s {provider})"
            )
        files = settings.identity_files
        certificates = await asyncio.to_thread(self._read_certificates)
        halves = {file: await asyncio.to_thread(_read_public_half, file) for file in files}
        wanted = [half for half in halves.values() if half]
        wanted += [certificate.public_data for certificate in certificates]
        agents = _with_certificates(await self._agent_keys(), certificates)
        first = [key for key in agents if key.public_data in wanted]
        first.sort(key=lambda key: wanted.index(key.public_data))
        only_these = settings.options.flag("identitiesonly", False)
        rest = [] if only_these else [key for key in agents if key.public_data not in wanted]
        if first or rest:
            yield first + rest
        in_agent = {key.public_data for key in agents}
        loop = asyncio.get_running_loop()
        for file, half in halves.items():
            if half not in in_agent and (
                keys := await asyncio.to_thread(self._load_file, file, half, certificates, loop)
            ):
                yield keys

    async def _agent_keys(self) -> list[asyncssh.SSHKeyPair]:
        socket = self._settings.agent
        if socket is None:
            return []
        try:
            self._agent = await asyncssh.connect_agent(socket)
            return list(await self._agent.get_keys())
        except (OSError, ValueError, asyncssh.Error) as error:
            self.passed_over.append(f"the agent at {socket} ({error})")
            return []

    def _read_certificates(self) -> list[asyncssh.SSHCertificate]:
        named = self._settings.certificate_files
        beside = [file.with_name(f"{file.name}-cert.pub") for file in self._settings.identity_files]
        found: list[asyncssh.SSHCertificate] = []
        for file in [*named, *(file for file in beside if file.exists())]:
            try:
                found.append(asyncssh.read_certificate(file))
            except (OSError, ValueError) as error:
                self.passed_over.append(f"the certificate {file} ({_reason(error)})")
        return found

    def _load_file(
        self,
        file: Path,
        half: bytes | None,
        certificates: Sequence[asyncssh.SSHCertificate],
        loop: asyncio.AbstractEventLoop,
    ) -> Sequence[asyncssh.SSHKeyPair]:
        """Load a key file. Runs in a thread, since it may ask for a passphrase."""
        if not file.is_file():
            if self._settings.options.words("identityfile"):
                self.passed_over.append(f"{file} (there is no such file)")
            return []
        try:
            if file.read_bytes().startswith(_PUTTY):
                raise ValueError(f"PuTTY's format; puttygen {file} -O private-openssh converts it")
            return self._open_key(file, half, certificates, loop)
        except (OSError, ValueError) as error:
            self.passed_over.append(f"{file} ({_reason(error)})")
            return []

    def _open_key(
        self,
        file: Path,
        half: bytes | None,
        certificates: Sequence[asyncssh.SSHCertificate],
        loop: asyncio.AbstractEventLoop,
    ) -> Sequence[asyncssh.SSHKeyPair]:
        try:
            return asyncssh.load_keypairs([str(file)], None, certificates)
        except asyncssh.KeyImportError as error:
            if not str(error).startswith("Passphrase") or self._ask_passphrase is None:
                raise
        if half is not None:  # it can be offered at once, and opened when the server takes it
            return asyncssh.load_keypairs(
                [str(file)],
                self._ask,  # type: ignore[arg-type] # asyncssh takes a callback, too
                certificates,
                loop=loop,
            )
        asking = asyncio.run_coroutine_threadsafe(self._ask(str(file)), loop)
        return asyncssh.load_keypairs([str(file)], asking.result(), certificates)

    async def _ask(self, file: str) -> str:
        """Ask for the passphrase of a key file. Runs in a task of its own."""
        question, ask = asyncio.current_task(), self._ask_passphrase
        if question is None or ask is None:
            return ""
        self._questions.add(question)
        try:
            return await ask(file)
        finally:
            self._questions.discard(question)


def _read_public_half(file: Path) -> bytes | None:
    """Return the public half of a key in a file, as the agent names it; None where it cannot be told."""
    beside = file.with_name(f"{file.name}.pub")
    readers = ((asyncssh.read_public_key, beside), (asyncssh.read_public_key, file))
    for read, source in (*readers, (asyncssh.read_private_key, file)):
        with contextlib.suppress(OSError, ValueError):
            return read(source).public_data
    return None


def _with_certificates(
    keys: Sequence[asyncssh.SSHKeyPair], certificates: Sequence[asyncssh.SSHCertificate]
) -> list[asyncssh.SSHKeyPair]:
    """Return the keys, and before each one the same key with each certificate that is for it."""
    result: list[asyncssh.SSHKeyPair] = []
    for key in keys:
        for certificate in certificates:
            if certificate.key.public_data == key.public_data:
                certified = copy.copy(key)
                certified.set_certificate(certificate)
                result.append(certified)
        result.append(key)
    return result


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _described(key: asyncssh.SSHKeyPair) -> str:
    """Return what a key is called, for the user."""
    comment = key.get_comment() or ""
    kind = key.get_algorithm()
    return f"{comment} ({kind})" if comment else kind
