"""An SSH connection to a box, with everything that `ssh` itself would heed.

`~/.ssh/config`, the agent, keys and known_hosts apply. Jump hosts are reached hop by hop, each with the
same host-key check. Agent and X11 forwarding stay off whatever the config says: the box needs neither.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncssh

from backend.box.asker import Asker
from backend.box.host_keys import HostKeyCheck, KnownHosts, known_hosts_files, settle_host_key
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted

CONNECT_SECONDS = 20.0
LOGIN_SECONDS = 120.0
"""Long enough for a person to type a passphrase."""
KEEPALIVE_SECONDS = 15.0
KEEPALIVE_MISSES = 3


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
        for hop in [*await _jumps(host), _parse_hop(host)]:
            tunnel = await stack.enter_async_context(_hop(hop, tunnel, asker))
        assert tunnel is not None  # noqa: S101 - the last hop is always there
        yield tunnel


async def _jumps(host: str) -> list[_Hop]:
    proxy_jump = (await _options(_parse_hop(host))).tunnel
    if not isinstance(proxy_jump, str) or proxy_jump.lower() == "none":
        return []
    return [_parse_hop(part.strip()) for part in proxy_jump.split(",")]


def _parse_hop(text: str) -> _Hop:
    user, _, rest = text.rpartition("@")
    name, _, port = rest.rpartition(":")
    if name and port.isdecimal() and ":" not in name:
        return _Hop(name, int(port), user or None)
    return _Hop(rest, None, user or None)


async def _options(hop: _Hop, **more: object) -> asyncssh.SSHClientConnectionOptions:
    given = {"port": hop.port, "username": hop.user}
    given_only = {name: value for name, value in given.items() if value is not None}
    try:
        options: asyncssh.SSHClientConnectionOptions = (
            await asyncssh.SSHClientConnectionOptions.construct(host=hop.host, **given_only, **more)
        )
    except (asyncssh.ConfigParseError, asyncssh.KeyImportError, OSError, ValueError) as error:
        raise BoxUnreachable(
            f"the ssh config for {hop.host} cannot be used: {error}", "Mend ~/.ssh/config."
        ) from error
    return options


@contextlib.asynccontextmanager
async def _hop(
    hop: _Hop, tunnel: asyncssh.SSHClientConnection | None, asker: Asker
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    options = await _options(hop)
    configured = options.known_hosts if isinstance(options.known_hosts, list) else []
    known = known_hosts_files([file for file in configured if isinstance(file, str)])
    name = options.host_key_alias or options.host
    check = HostKeyCheck(asker, f"{options.username}@{hop.host}")
    try:
        connection = await _connect_once(hop, tunnel, known, check)
    except asyncssh.HostKeyNotVerifiable as error:
        if check.offered is None:
            raise BoxUntrusted(f"the host key of {hop.host} is not acceptable: {error}") from error
        await settle_host_key(name, options.port, check.offered, known, asker)
        connection = await _connect_once(hop, tunnel, known, check)
    try:
        yield connection
    finally:
        connection.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(connection.wait_closed(), 5)


async def _connect_once(
    hop: _Hop,
    tunnel: asyncssh.SSHClientConnection | None,
    known: KnownHosts,
    check: HostKeyCheck,
) -> asyncssh.SSHClientConnection:
    options = await _options(
        hop,
        client_factory=lambda: check,
        known_hosts=known.load(),
        # () leaves it to the ssh config; the hops are ours to make.
        tunnel=tunnel,
        passphrase=check.passphrase,
        agent_forwarding=False,
        x11_forwarding=False,
        connect_timeout=CONNECT_SECONDS,
        login_timeout=LOGIN_SECONDS,
        keepalive_interval=KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVE_MISSES,
    )
    try:
        return await asyncssh.connect(hop.host, options=options)
    except (asyncssh.Error, OSError, TimeoutError) as error:
        raise _explained(hop, error) from error


def _explained(hop: _Hop, error: Exception) -> Exception:
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return error
        case asyncssh.PermissionDenied():
            return BoxRefusedLogin(
                f"{hop.host} refused the login: {error.reason}",
                f"Check that `ssh {hop.host}` works; add your key there or to the agent (ssh-add).",
            )
        case TimeoutError():
            return BoxUnreachable(f"{hop.host} does not answer")
        case asyncssh.Error():
            return BoxUnreachable(f"no SSH connection to {hop.host}: {error.reason}")
    return BoxUnreachable(
        f"{hop.host} cannot be reached: {error}", "Is the name right, and the box running?"
    )
