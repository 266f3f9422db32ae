"""Connects to a box by SSH, with the user's ssh config.

`~/.ssh/config`, the agent, keys and known_hosts apply, as for `ssh`. Jump hosts are connected one after the
other, each with the same host-key check. A ProxyCommand is run. Agent and X11 forwarding are always off,
whatever the config says, because the box needs neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shlex
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from backend.box.asker import Asker
from backend.box.ssh import algorithms
from backend.box.ssh.host_keys import HostKeyCheck, KnownHosts, known_hosts_of, settle_host_key
from backend.box.ssh.login_keys import LoginKeys
from backend.box.ssh.login_timeout import limit_login_time
from backend.box.ssh.proxy_command import ProxyCommand
from backend.box.ssh_config.destination import Destination, parse_destination
from backend.box.ssh_config.host_settings import HostSettings, read_settings
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


@dataclass(frozen=True, slots=True)
class _Hop:
    """How to connect to one host of the way, a jump host or the last one."""

    settings: HostSettings
    options: dict[str, object]
    """asyncssh's options for the login."""
    tunnel: asyncssh.SSHClientConnection | None
    """The connection to the previous hop; None for the first hop."""
    proxy: ProxyCommand
    """Carries the connection instead of TCP, where there is no previous hop."""

    async def socket(self) -> socket.socket | None:
        """Return the socket for the connection; with None, asyncssh opens one. Raises OSError."""
        return None if self.tunnel else await self.proxy.dial()


@contextlib.asynccontextmanager
async def connect(host: str, asker: Asker) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Connect to `host`: a name, an address, `user@host:port`, `ssh://…`, or a Host of the ssh config.

    Raises BoxUnreachable, BoxUntrusted and BoxRefusedLogin.
    """
    async with contextlib.AsyncExitStack() as stack:
        tunnel: asyncssh.SSHClientConnection | None = None
        for settings in await _find_way(host):
            tunnel = await stack.enter_async_context(_connect_hop(settings, tunnel, asker))
        assert tunnel is not None  # noqa: S101 - the last hop is always there
        yield tunnel


async def find_known_hosts_files(host: str) -> list[Path]:
    """Return the user's files of known hosts for a host and for those on the way to it. Raises BoxError."""
    way = await _find_way(host)
    try:
        return [file for settings in way for file in settings.users_known_hosts]
    except ValueError as error:
        raise _misconfigured(way[-1].destination, error) from error


async def _find_way(host: str) -> list[HostSettings]:
    """Return the hosts to connect to, jump hosts first. The nearest jump host may have a ProxyJump, too."""
    try:
        last = parse_destination(host)
    except ValueError as error:
        raise BoxUnreachable(
            f"the host of the box cannot be understood: {_printable(error)}",
            "Give a name, an address, user@host:port, ssh://user@host:port, or a Host of ~/.ssh/config.",
        ) from error
    way = [await _read(last)]
    while len(way) <= _MOST_HOPS + 1:
        try:
            jumps = way[0].jumps
        except ValueError as error:
            raise _misconfigured(way[0].destination, error) from error
        if not jumps:
            return way
        way = [*[await _read(jump) for jump in jumps], *way]
    raise BoxUnreachable(
        f"the way to {last.host} has more than {_MOST_HOPS} jump hosts, or is a circle",
        "Mend ProxyJump in ~/.ssh/config.",
    )


async def _read(destination: Destination) -> HostSettings:
    try:
        return await asyncio.to_thread(read_settings, destination)
    except ValueError as error:
        raise _misconfigured(destination, error) from error


@contextlib.asynccontextmanager
async def _connect_hop(
    settings: HostSettings, tunnel: asyncssh.SSHClientConnection | None, asker: Asker
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    try:
        known = await known_hosts_of(settings)
        options = await asyncio.to_thread(login_options, settings)
        command = [] if tunnel else settings.proxy_command
    except ValueError as error:
        raise _misconfigured(settings.destination, error) from error
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(contextlib.aclosing(ProxyCommand(command)))
        hop = _Hop(settings, options, tunnel, proxy)
        try:
            async with limit_login_time(LOGIN_SECONDS, asker) as patient:
                check = HostKeyCheck(settings, patient)
                stack.push_async_callback(check.keys.close)
                connection = await _connect_trusted(hop, known, check, patient)
        except asyncssh.PermissionDenied as error:
            raise _refused(settings, error, check.keys) from error
        except (asyncssh.Error, OSError, TimeoutError, ValueError) as error:
            raise _explain_error(hop, error) from error
        try:
            yield connection
        finally:
            connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.wait_closed()
            connection.abort()


async def _connect_trusted(
    hop: _Hop, known: KnownHosts, check: HostKeyCheck, asker: Asker
) -> asyncssh.SSHClientConnection:
    name, port = hop.settings.known_hosts_name
    try:
        return await _connect_once(hop, known, check)
    except asyncssh.HostKeyNotVerifiable:
        # A certificate of an unknown authority counts as a plain key, as for ssh.
        key = await _offered_key(hop) if check.has_unknown_authority else check.offered
        if key is None:
            raise
        offered = key
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
        # We request only key types that are known for the host, so a host with another type ends the login.
        trusted = known.keys_of(name, port)
        is_choosy = trusted or known.has_authority_for(name, port)
        key = await _offered_key(hop) if is_choosy else None
        if key is None or key in trusted:
            raise
        offered = key
    known = await settle_host_key(name, port, offered, known, asker)
    return await _connect_once(hop, known, check)


async def _offered_key(hop: _Hop) -> asyncssh.SSHKey | None:
    """Return the host key that the host offers to a client that knows none. Does not log in."""
    return await asyncssh.get_server_host_key(
        hop.settings.host,
        hop.settings.port,
        sock=await hop.socket(),
        tunnel=hop.tunnel,
        config=None,
        family=hop.settings.family,
        kex_algs=algorithms.key_exchanges(hop.settings.options),
    )


async def _connect_once(
    hop: _Hop, known: KnownHosts, check: HostKeyCheck
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        hop.settings.host,
        hop.settings.port,
        config=None,
        client_factory=lambda: check,
        known_hosts=known.matcher(),
        # We connect the hops ourselves; with (), asyncssh would do it, with its own check of host keys.
        sock=await hop.socket(),
        tunnel=hop.tunnel,
        **hop.options,
    )


def login_options(settings: HostSettings) -> dict[str, object]:
    """Return asyncssh's options for a login. Raises ValueError where the ssh config cannot be heeded."""
    configured, bind = settings.options, settings.options.get("bindaddress")
    return {
        "username": settings.user,
        "host_key_alias": settings.host_key_alias,
        "family": settings.family,
        "local_addr": (bind, 0) if bind else None,
        "proxy_command": None,
        "kex_algs": algorithms.key_exchanges(configured),
        "encryption_algs": algorithms.ciphers(configured),
        "mac_algs": algorithms.macs(configured),
        "compression_algs": algorithms.compressions(configured),
        "signature_algs": algorithms.authority_signatures(configured),
        "server_host_key_algs": algorithms.host_keys(configured),
        "preferred_auth": algorithms.login_methods(configured),
        "public_key_auth": not configured.is_no("pubkeyauthentication"),
        "kbdint_auth": configured.flag("kbdinteractiveauthentication", True),
        "password_auth": configured.flag("passwordauthentication", True),
        "gss_auth": configured.flag("gssapiauthentication", False),
        "gss_kex": configured.flag("gssapikeyexchange", False),
        "gss_delegate_creds": configured.flag("gssapidelegatecredentials", False),
        # `LoginKeys` finds the keys, the agent's among them.
        "client_keys": None,
        "env": settings.environment,
        "agent_forwarding": False,
        "x11_forwarding": False,
        # The caller limits both times, because it knows when a person is asked.
        "connect_timeout": None,
        "login_timeout": 0,
        "keepalive_interval": KEEPALIVE_SECONDS,
        "keepalive_count_max": KEEPALIVE_MISSES,
    }


def _refused(settings: HostSettings, error: asyncssh.Error, keys: LoginKeys) -> Exception:
    """Say as whom and with which keys it was tried, and what shows and mends it."""
    name, port, user = settings.destination.host, settings.port, settings.user
    who = f"{name} refused the login of {user} at port {port}: {error.reason}"
    tried = (
        f"Tried: {'; '.join(keys.tried)}."
        if keys.tried
        else "There was no key to try: ssh-add loads one."
    )
    passed = f" Passed over: {'; '.join(keys.passed_over)}." if keys.passed_over else ""
    line = shlex.join(["ssh", "-p", str(port), f"{user}@{settings.host}"])
    return BoxRefusedLogin(
        who,
        f"{tried}{passed} See what this says: {line}\n"
        "  If the key, the user or the port is another, write it into ~/.ssh/config, and name that Host:\n"
        f"    Host {_short_name(name)}\n"
        f"      HostName {settings.host}\n"
        f"      Port {port}\n"
        f"      User {user}\n"
        "      IdentityFile ~/.ssh/YOUR_KEY",
    )


def _short_name(host: str) -> str:
    """Return a name for a host in the ssh config; numbers make a poor one."""
    return "gpu" if host.replace(".", "").replace(":", "").isdigit() else host.partition(".")[0]


def _explain_error(hop: _Hop, error: Exception) -> Exception:
    host, said = hop.settings.destination.host, hop.proxy.said
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return BoxUntrusted(f"the host key of {host} is not acceptable: {error.reason}")
        case TimeoutError():
            return BoxUnreachable(f"{host} does not answer", said)
        case asyncssh.Error():
            return BoxUnreachable(f"no SSH connection to {host}: {error.reason}", said)
        case ValueError():
            return _misconfigured(hop.settings.destination, error)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if hop.proxy.program and not said:
        return BoxUnreachable(
            f"the ProxyCommand for {host} cannot be run: {reason}",
            f"Look at ProxyCommand in ~/.ssh/config. Its program is {hop.proxy.program}.",
        )
    if _is_refused(error):
        return BoxUnreachable(
            f"{host} cannot be reached: nobody listens at port {hop.settings.port} there",
            said
            or f"Is its SSH server at another port? Write the port behind the host: {host}:PORT",
        )
    return BoxUnreachable(
        f"{host} cannot be reached: {reason}", said or "Is the name right, and the box running?"
    )


def _is_refused(error: Exception) -> bool:
    """Say whether a host refused the connection. For a host of several addresses, asyncio writes the numbers
    of all errors into one message."""
    number = f"[Errno {errno.ECONNREFUSED}]"
    return isinstance(error, ConnectionRefusedError) or number in str(error)


def _misconfigured(destination: Destination, error: Exception) -> BoxUnreachable:
    return BoxUnreachable(
        f"the ssh config or a key for {destination.host} cannot be used: {_printable(error)}",
        "Mend ~/.ssh/config.",
    )


def _printable(error: Exception) -> str:
    """Return the message of an error. What was no text in the config is shown as escapes."""
    return str(error).encode("utf-8", "backslashreplace").decode()
