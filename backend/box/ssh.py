"""An SSH connection to a box, with everything that `ssh` itself would heed.

`~/.ssh/config`, the agent, keys and known_hosts apply. Jump hosts are reached hop by hop, each with the
same host-key check. Agent and X11 forwarding stay off whatever the config says: the box needs neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
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
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted

CONNECT_SECONDS = 20.0
LOGIN_SECONDS = 120.0
"""Long enough for a person to type a passphrase."""
KEEPALIVE_SECONDS = 15.0
KEEPALIVE_MISSES = 3
CLOSE_SECONDS = 5.0
_MOST_HOPS = 8
_USERS_CONFIG = ()
"""~/.ssh/config, if it is there. asyncssh's options, made without this, read none."""


@dataclass(frozen=True, slots=True)
class _Hop:
    """One host on the way, as the user or ssh config writes it."""

    host: str
    port: int | None = None
    user: str | None = None


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
    check = HostKeyCheck(asker, f"{options.username}@{hop.host}")
    try:
        connection = await _connect_trusted(hop, options, tunnel, known, check, asker)
    except (asyncssh.Error, OSError, TimeoutError, ValueError) as error:
        raise _explained(hop, error) from error
    try:
        yield connection
    finally:
        connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.wait_closed()


async def _connect_trusted(
    hop: _Hop,
    options: asyncssh.SSHClientConnectionOptions,
    tunnel: asyncssh.SSHClientConnection | None,
    known: KnownHosts,
    check: HostKeyCheck,
    asker: Asker,
) -> asyncssh.SSHClientConnection:
    name, port = options.host, options.port
    if options.host_key_alias:
        # As ssh does: an alias stands for the host and the port.
        name, port = options.host_key_alias, asyncssh.DEFAULT_PORT
    try:
        return await _connect_once(hop, options, tunnel, known, check)
    except asyncssh.HostKeyNotVerifiable:
        if check.offered is None:
            raise
        offered = check.offered
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
        # The known kinds of key are the only ones asked for, so a host with another kind breaks off.
        trusted = known.keys_of(name, port)
        key = await _offered_key(hop, tunnel) if trusted else None
        if key is None or key in trusted:
            raise
        offered = key
    known = await settle_host_key(name, port, offered, known, asker)
    return await _connect_once(hop, options, tunnel, known, check)


async def _offered_key(
    hop: _Hop, tunnel: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHKey | None:
    """The host key that is offered to somebody who knows none. Nobody logs in."""
    port = () if hop.port is None else hop.port
    async with asyncio.timeout(CONNECT_SECONDS):
        return await asyncssh.get_server_host_key(
            hop.host, port, tunnel=tunnel, config=_USERS_CONFIG
        )


async def _connect_once(
    hop: _Hop,
    options: asyncssh.SSHClientConnectionOptions,
    tunnel: asyncssh.SSHClientConnection | None,
    known: KnownHosts,
    check: HostKeyCheck,
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        hop.host,
        config=_USERS_CONFIG,
        **_given(hop),
        client_factory=lambda: check,
        known_hosts=known.load(),
        # The hops are ours to make; () would leave them to asyncssh, and its check of host keys.
        tunnel=tunnel,
        client_keys=_identities(options),
        ignore_encrypted=True,
        passphrase=check.passphrase,
        agent_forwarding=False,
        x11_forwarding=False,
        connect_timeout=CONNECT_SECONDS,
        login_timeout=LOGIN_SECONDS,
        keepalive_interval=KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVE_MISSES,
    )


def _identities(options: asyncssh.SSHClientConnectionOptions) -> list[str]:
    """The keys that the ssh config names. As ssh does, those that are not there are passed over."""
    named = options.config.get("IdentityFile", ())
    files = named if isinstance(named, (list, tuple)) else ()
    return [file for file in files if Path(file).expanduser().is_file()]


def _explained(hop: _Hop, error: Exception) -> Exception:
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return BoxUntrusted(f"the host key of {hop.host} is not acceptable: {error.reason}")
        case asyncssh.PermissionDenied():
            return BoxRefusedLogin(
                f"{hop.host} refused the login: {error.reason}",
                f"Check that `ssh {hop.host}` works; add your key there or to the agent (ssh-add).",
            )
        case TimeoutError():
            return BoxUnreachable(f"{hop.host} does not answer")
        case asyncssh.Error():
            return BoxUnreachable(f"no SSH connection to {hop.host}: {error.reason}")
        case ValueError():
            return _misconfigured(hop, error)
    return BoxUnreachable(
        f"{hop.host} cannot be reached: {error}", "Is the name right, and the box running?"
    )


def _misconfigured(hop: _Hop, error: Exception) -> BoxUnreachable:
    return BoxUnreachable(
        f"the ssh config or a key for {hop.host} cannot be used: {error}", "Mend ~/.ssh/config."
    )
