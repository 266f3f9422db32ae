"""An SSH connection to a box, with everything that `ssh` itself would heed.

`~/.ssh/config`, the agent, keys and known_hosts apply. Jump hosts are reached hop by hop, each with the
same host-key check; a ProxyCommand is run. Agent and X11 forwarding stay off whatever the config says:
the box needs neither.
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
"""From the first packet until somebody is asked, from an answer to the next question, and to the end."""
KEEPALIVE_SECONDS = 10.0
KEEPALIVE_MISSES = 2
"""Unanswered ones that are put up with: after three times as many seconds without a byte, a link is gone."""
CLOSE_SECONDS = 5.0
"""For a farewell. What is not heard of then is cut off."""
_MOST_HOPS = 8
_FAST_CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
"""Before those that asyncssh would ask for first: its ChaCha20 takes six times as long for a small packet."""
_USERS_CONFIG = ()
"""~/.ssh/config, if it is there. asyncssh's options, made without this, read none."""


@dataclass(frozen=True, slots=True)
class _Hop:
    """One host on the way, as the user or ssh config writes it."""

    host: str
    port: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """How the next connection to a hop is made."""

    hop: _Hop
    options: asyncssh.SSHClientConnectionOptions
    tunnel: asyncssh.SSHClientConnection | None
    """The connection to the hop before."""
    proxy: ProxyCommand
    """Instead of TCP, where there is no hop before."""

    async def socket(self) -> socket.socket | None:
        """What the connection goes over; None leaves that to asyncssh. Raises OSError."""
        return None if self.tunnel else await self.proxy.dial()


@contextlib.asynccontextmanager
async def connect(host: str, asker: Asker) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to `host`: a name, an address, `user@host`, `host:port`, or a Host of ssh config.

    Raises BoxUnreachable, BoxUntrusted and BoxRefusedLogin.
    """
    async with contextlib.AsyncExitStack() as stack:
        tunnel: asyncssh.SSHClientConnection | None = None
        last = _parse_hop(host)
        for hop in [*await _jumps(last), last]:
            tunnel = await stack.enter_async_context(_hop(hop, tunnel, asker))
        assert tunnel is not None  # noqa: S101 - the last hop is always there
        yield tunnel


async def _jumps(hop: _Hop) -> list[_Hop]:
    """The hosts before this one, the nearest first. The nearest may have a ProxyJump of its own."""
    jumps: list[_Hop] = []
    nearest = hop
    while len(jumps) <= _MOST_HOPS:
        proxy_jump = (await _options(nearest)).tunnel
        if not isinstance(proxy_jump, str) or proxy_jump.lower() == "none":
            return jumps
        jumps = [_parse_hop(part.strip()) for part in proxy_jump.split(",")] + jumps
        nearest = jumps[0]
    raise BoxUnreachable(
        f"the way to {hop.host} has more than {_MOST_HOPS} jump hosts, or is a circle",
        "Mend ProxyJump in ~/.ssh/config.",
    )


def _parse_hop(text: str) -> _Hop:
    user, _, rest = text.rpartition("@")
    if bracketed := re.fullmatch(r"\[([^]]+)\](?::(\d+))?", rest):  # an IPv6 address
        return _Hop(bracketed[1], int(bracketed[2]) if bracketed[2] else None, user or None)
    name, _, port = rest.rpartition(":")
    if name and port.isdecimal() and ":" not in name:
        return _Hop(name, int(port), user or None)
    return _Hop(rest, None, user or None)


async def _options(hop: _Hop) -> asyncssh.SSHClientConnectionOptions:
    """What the ssh config says of the host. No key is loaded, so nobody is asked for a passphrase."""
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
    """What the user wrote beside the name; the rest is left to the ssh config."""
    given = {"port": hop.port, "username": hop.user}
    return {name: value for name, value in given.items() if value is not None}


@contextlib.asynccontextmanager
async def _hop(
    hop: _Hop, tunnel: asyncssh.SSHClientConnection | None, asker: Asker
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    options = await _options(hop)
    configured = options.known_hosts if isinstance(options.known_hosts, list) else []
    known = known_hosts_files([file for file in configured if isinstance(file, str)])
    async with contextlib.aclosing(ProxyCommand(options.proxy_command or ())) as proxy:
        way = _Way(hop, options, tunnel, proxy)
        try:
            async with limit_login_time(LOGIN_SECONDS, asker) as patient:
                check = HostKeyCheck(patient, f"{options.username}@{hop.host}")
                connection = await _connect_trusted(way, known, check, patient)
        except (asyncssh.Error, OSError, TimeoutError, ValueError) as error:
            raise _explained(hop, error, proxy.said) from error
        try:
            yield connection
        finally:
            connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.wait_closed()
            connection.abort()


async def _connect_trusted(
    way: _Way, known: KnownHosts, check: HostKeyCheck, asker: Asker
) -> asyncssh.SSHClientConnection:
    name, port = way.options.host, way.options.port
    if way.options.host_key_alias:
        # As ssh does: an alias stands for the host and the port.
        name, port = way.options.host_key_alias, asyncssh.DEFAULT_PORT
    try:
        return await _connect_once(way, known, check)
    except asyncssh.HostKeyNotVerifiable:
        # A certificate of an authority that nobody vouches for is worth the key in it, as for ssh.
        key = await _offered_key(way) if check.has_unknown_authority else check.offered
        if key is None:
            raise
        offered = key
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
        # The known kinds of key are the only ones asked for, so a host with another kind breaks off.
        trusted = known.keys_of(name, port)
        is_choosy = trusted or known.has_authority_for(name, port)
        key = await _offered_key(way) if is_choosy else None
        if key is None or key in trusted:
            raise
        offered = key
    known = await settle_host_key(name, port, offered, known, asker)
    return await _connect_once(way, known, check)


async def _offered_key(way: _Way) -> asyncssh.SSHKey | None:
    """The host key that is offered to somebody who knows none. Nobody logs in."""
    port = () if way.hop.port is None else way.hop.port
    return await asyncssh.get_server_host_key(
        way.hop.host, port, sock=await way.socket(), tunnel=way.tunnel, config=_USERS_CONFIG
    )


async def _connect_once(
    way: _Way, known: KnownHosts, check: HostKeyCheck
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        way.hop.host,
        config=_USERS_CONFIG,
        **_given(way.hop),
        client_factory=lambda: check,
        known_hosts=known.matcher(),
        # Hops and proxies are ours to make; () would leave the hops to asyncssh, and its check of host keys.
        sock=await way.socket(),
        tunnel=way.tunnel,
        proxy_command=None,
        client_keys=_identities(way.options),
        ignore_encrypted=True,
        passphrase=check.passphrase,
        encryption_algs=() if way.options.config.get("Ciphers") else _FAST_CIPHERS,
        agent_forwarding=False,
        x11_forwarding=False,
        # Both are bounded by the caller, who knows when it is a person that is waited for.
        connect_timeout=None,
        login_timeout=0,
        keepalive_interval=KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVE_MISSES,
    )


def _identities(options: asyncssh.SSHClientConnectionOptions) -> list[str]:
    """The keys that the ssh config names. As ssh does, those that are not there are passed over."""
    named = options.config.get("IdentityFile", ())
    files = named if isinstance(named, (list, tuple)) else ()
    return [file for file in files if Path(file).expanduser().is_file()]


def _explained(hop: _Hop, error: Exception, proxy_said: str) -> Exception:
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
