"""Connects to a box by SSH, with the user's ssh config.

`~/.ssh/config`, the agent, keys and known_hosts apply, as for `ssh`. Jump hosts are connected one after the
other, each with the same host-key check. A ProxyCommand is run. Agent and X11 forwarding are always off,
whatever the config says, because the box needs neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from backend.box.asker import Asker
from backend.box.host_keys import (
    HostKeyCheck,
    KnownHosts,
    known_hosts_files,
    settle_host_key,
)
from backend.box.login_timeout import limit_login_time
from backend.box.proxy_command import ProxyCommand
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted

LOGIN_SECONDS = 20.0
"""Seconds for each part of a login: up to the first question, between questions, and after the last one."""
KEEPALIVE_SECONDS = 10.0
KEEPALIVE_MISSES = 2
"""Keepalives that may stay unanswered. With the next one, 30 s without a byte, the connection counts as
broken."""
CLOSE_SECONDS = 5.0
"""Seconds for an orderly close; then the connection is cut."""
_MOST_HOPS = 8
_FAST_CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
"""Ciphers that are preferred to asyncssh's first choice: its ChaCha20 is six times slower for a small
packet."""
_USERS_CONFIG = ()
"""The value with which asyncssh reads ~/.ssh/config. By default, its options read no config."""


@dataclass(frozen=True, slots=True)
class _Hop:
    """One host of the connection, a jump host or the last one, as the user or the ssh config names it."""

    host: str
    port: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class _HopRoute:
    """How to connect to a hop."""

    hop: _Hop
    options: asyncssh.SSHClientConnectionOptions
    tunnel: asyncssh.SSHClientConnection | None
    """The connection to the previous hop; None for the first hop."""
    proxy: ProxyCommand
    """Carries the connection instead of TCP, where there is no previous hop."""

    async def socket(self) -> socket.socket | None:
        """Return the socket for the connection; with None, asyncssh opens one. Raises OSError."""
        return None if self.tunnel else await self.proxy.dial()


@contextlib.asynccontextmanager
async def connect(host: str, asker: Asker) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Connect to `host`: a name, an address, `user@host`, `host:port`, or a Host of ssh config.

    Raises BoxUnreachable, BoxUntrusted and BoxRefusedLogin.
    """
    async with contextlib.AsyncExitStack() as stack:
        tunnel: asyncssh.SSHClientConnection | None = None
        last = _parse_connect_hop(host)
        for hop in [*await _find_jump_hosts(last), last]:
            tunnel = await stack.enter_async_context(_connect_hop(hop, tunnel, asker))
        assert tunnel is not None  # noqa: S101 - the last hop is always there
        yield tunnel


async def _find_jump_hosts(hop: _Hop) -> list[_Hop]:
    """Return the jump hosts before this host, nearest first. The nearest may have a ProxyJump, too."""
    jumps: list[_Hop] = []
    nearest = hop
    while len(jumps) <= _MOST_HOPS:
        proxy_jump = (await _read_options(nearest)).tunnel
        if not isinstance(proxy_jump, str) or proxy_jump.lower() == "none":
            return jumps
        jumps = [_parse_connect_hop(part.strip()) for part in proxy_jump.split(",")] + jumps
        nearest = jumps[0]
    raise BoxUnreachable(
        f"the way to {hop.host} has more than {_MOST_HOPS} jump hosts, or is a circle",
        "Mend ProxyJump in ~/.ssh/config.",
    )


def _parse_connect_hop(text: str) -> _Hop:
    user, _, rest = text.rpartition("@")
    if bracketed := re.fullmatch(r"\[([^]]+)\](?::(\d+))?", rest):  # an IPv6 address
        return _Hop(bracketed[1], int(bracketed[2]) if bracketed[2] else None, user or None)
    name, _, port = rest.rpartition(":")
    if name and port.isdecimal() and ":" not in name:
        return _Hop(name, int(port), user or None)
    return _Hop(rest, None, user or None)


async def _read_options(hop: _Hop) -> asyncssh.SSHClientConnectionOptions:
    """Read the options of the host from the ssh config. Loads no key, so nobody is asked for a passphrase."""
    try:
        options: asyncssh.SSHClientConnectionOptions = (
            await asyncssh.SSHClientConnectionOptions.construct(
                host=hop.host, config=_USERS_CONFIG, client_keys=None, **_given(hop)
            )
        )
    except (OSError, ValueError) as error:
        raise _misconfigured(hop, error) from error
    return options


def _given(hop: _Hop) -> dict[str, Any]:
    """Return the port and user that the user gave; the ssh config decides the rest."""
    given = {"port": hop.port, "username": hop.user}
    return {name: value for name, value in given.items() if value is not None}


@contextlib.asynccontextmanager
async def _connect_hop(
    hop: _Hop, tunnel: asyncssh.SSHClientConnection | None, asker: Asker
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    options = await _read_options(hop)
    configured = options.known_hosts if isinstance(options.known_hosts, list) else []
    known = known_hosts_files([file for file in configured if isinstance(file, str)])
    async with contextlib.aclosing(ProxyCommand(options.proxy_command or ())) as proxy:
        route = _HopRoute(hop, options, tunnel, proxy)
        try:
            async with limit_login_time(LOGIN_SECONDS, asker) as patient:
                check = HostKeyCheck(patient, f"{options.username}@{hop.host}")
                connection = await _connect_trusted(route, known, check, patient)
        except (asyncssh.Error, OSError, TimeoutError, ValueError) as error:
            raise _explain_error(hop, error, proxy.said) from error
        try:
            yield connection
        finally:
            connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.wait_closed()
            connection.abort()


async def _connect_trusted(
    route: _HopRoute, known: KnownHosts, check: HostKeyCheck, asker: Asker
) -> asyncssh.SSHClientConnection:
    name, port = route.options.host, route.options.port
    if route.options.host_key_alias:
        # As ssh does: an alias stands for the host and the port.
        name, port = route.options.host_key_alias, asyncssh.DEFAULT_PORT
    try:
        return await _connect_once(route, known, check)
    except asyncssh.HostKeyNotVerifiable:
        # A certificate of an unknown authority counts as a plain key, as for ssh.
        key = await _offered_key(route) if check.has_unknown_authority else check.offered
        if key is None:
            raise
        offered = key
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
        # We request only key types that are known for the host, so a host with another type ends the login.
        trusted = known.keys_of(name, port)
        is_choosy = trusted or known.has_authority_for(name, port)
        key = await _offered_key(route) if is_choosy else None
        if key is None or key in trusted:
            raise
        offered = key
    known = await settle_host_key(name, port, offered, known, asker)
    return await _connect_once(route, known, check)


async def _offered_key(route: _HopRoute) -> asyncssh.SSHKey | None:
    """Return the host key that the host offers to a client that knows none. Does not log in."""
    port = () if route.hop.port is None else route.hop.port
    return await asyncssh.get_server_host_key(
        route.hop.host, port, sock=await route.socket(), tunnel=route.tunnel, config=_USERS_CONFIG
    )


async def _connect_once(
    route: _HopRoute, known: KnownHosts, check: HostKeyCheck
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        route.hop.host,
        config=_USERS_CONFIG,
        **_given(route.hop),
        client_factory=lambda: check,
        known_hosts=known.matcher(),
        # We connect the hops ourselves; with (), asyncssh would do it, with its own check of host keys.
        sock=await route.socket(),
        tunnel=route.tunnel,
        proxy_command=None,
        client_keys=_identities(route.options),
        ignore_encrypted=True,
        passphrase=check.passphrase,
        encryption_algs=() if route.options.config.get("Ciphers") else _FAST_CIPHERS,
        agent_forwarding=False,
        x11_forwarding=False,
        # The caller limits both times, because it knows when a person is asked.
        connect_timeout=None,
        login_timeout=0,
        keepalive_interval=KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVE_MISSES,
    )


def _identities(options: asyncssh.SSHClientConnectionOptions) -> list[str]:
    """Return the key files that the ssh config names and that exist; ssh skips missing ones, too."""
    named = options.config.get("IdentityFile", ())
    files = named if isinstance(named, (list, tuple)) else ()
    return [file for file in files if Path(file).expanduser().is_file()]


def _explain_error(hop: _Hop, error: Exception, proxy_said: str) -> Exception:
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return BoxUntrusted(f"the host key of {hop.host} is not acceptable: {error.reason}")
        case asyncssh.PermissionDenied():
            return BoxRefusedLogin(
                f"{hop.host} refused the login: {error.reason}",
                f"Check that `ssh {hop.host}` works; add your key there or to the agent (ssh-add).",
            )
        case TimeoutError():
            return BoxUnreachable(f"{hop.host} does not answer", proxy_said)
        case asyncssh.Error():
            return BoxUnreachable(f"no SSH connection to {hop.host}: {error.reason}", proxy_said)
        case ValueError():
            return _misconfigured(hop, error)
    return BoxUnreachable(
        f"{hop.host} cannot be reached: {error}",
        proxy_said or "Is the name right, and the box running?",
    )


def _misconfigured(hop: _Hop, error: Exception) -> BoxUnreachable:
    return BoxUnreachable(
        f"the ssh config or a key for {hop.host} cannot be used: {error}", "Mend ~/.ssh/config."
    )
