"""Finds the forward proxy through which an https server is reached, and opens a tunnel through it.

HTTPS_PROXY and NO_PROXY of the box's environment say which; https_proxy and no_proxy count, too. A server
without TLS is never asked through a proxy, which could read the key and the prompts.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from remote.engines.http.connection import MOST_LINE, NoWay, Unreachable, reason
from remote.engines.http.server import Server

_VARIABLES = ("https_proxy", "HTTPS_PROXY")
_EXCEPTIONS = ("no_proxy", "NO_PROXY")
_PORT = 80
_PIECE = 4096
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]{0,60}))?")
_FOR_A_WHILE = (408, 425, 429, 500, 502, 503, 504)
"""Statuses of a proxy that lets the box through, and does not reach the server at the moment."""


@dataclass(frozen=True)
class ForwardProxy:
    """An HTTP proxy that is spoken to without TLS; what goes through its tunnel is encrypted all the same."""

    host: str
    port: int
    login: str = field(default="", repr=False)
    """"user:password" in base64; empty for none. It is in no message and no repr."""

    @property
    def label(self) -> str:
        """Its name in error messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy at {host}:{self.port}"

    async def open_tunnel(self, server: Server) -> socket.socket:
        """Return a connection to the server through this proxy, on which TLS may begin.

        Raises Unreachable when proxy or server are away, and NoWay when the proxy lets nothing through.
        """
        loop = asyncio.get_running_loop()
        tunnel = await self._connect()
        try:
            host = f"[{server.host}]" if ":" in server.host else server.host
            lines = [f"CONNECT {host}:{server.port} HTTP/1.1", f"Host: {host}:{server.port}"]
            if self.login:
                lines.append(f"Proxy-Authorization: Basic {self.login}")
            await loop.sock_sendall(tunnel, "\r\n".join([*lines, "", ""]).encode("ascii"))
            head = bytearray()
            while b"\r\n\r\n" not in head and len(head) < MOST_LINE:
                # No byte of the server is among them: with TLS, the client speaks first.
                piece = await loop.sock_recv(tunnel, _PIECE)
                if not piece:
                    raise Unreachable(f"{self.label} closed the connection before it had answered")
                head += piece
            self._require_let_through(bytes(head), server)
        except OSError as error:
            tunnel.close()
            raise Unreachable(f"{self.label} broke the connection: {reason(error)}") from None
        except BaseException:
            tunnel.close()
            raise
        return tunnel

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        said = "the name has no address"
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            found, said = [], reason(error)
        for family, kind, protocol, _, address in found:
            tried = socket.socket(family, kind, protocol)
            try:
                tried.setblocking(False)
                await loop.sock_connect(tried, address)
            except OSError as error:
                tried.close()
                said = reason(error)
            except BaseException:
                tried.close()
                raise
            else:
                return tried
        raise Unreachable(
            f"cannot connect to {self.label}, which HTTPS_PROXY of the box names: {said}"
        )

    def _require_let_through(self, head: bytes, server: Server) -> None:
        answer = _STATUS.match(head)
        if answer is None:
            raise NoWay(f"{self.label} does not answer as an HTTP proxy does")
        status = int(answer[1])
        if 200 <= status < 300:
            return
        words = (answer[2] or b"").decode("latin-1").strip()
        told = f"{status} {words}".strip()
        if status == 407:
            login = "does not accept the login" if self.login else "wants a login"
            raise NoWay(f"{self.label} {login} ({told})")
        if status in _FOR_A_WHILE:
            raise Unreachable(f"{self.label} does not reach {server.label} ({told})")
        raise NoWay(f"{self.label} does not let the box through to {server.label} ({told})")


def proxy_for(server: Server, environment: Mapping[str, str]) -> ForwardProxy | None:
    """Return the proxy through which this server is reached; None for the direct way. Raises NoWay."""
    if not server.tls or server.socket_path is not None:
        return None
    address = _first(environment, _VARIABLES)
    if not address or _is_excepted(server, _first(environment, _EXCEPTIONS)):
        return None
    return _read(address)


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environment.get(name, "").strip())), "")


def _read(address: str) -> ForwardProxy:
    # The address is in no message: it may hold a password.
    try:
        url = urlsplit(address if "://" in address else f"http://{address}")
        host, port = url.hostname or "", url.port or _PORT
        # A line break could add headers to the request.
        plain = host.isascii() and host.isprintable() and " " not in host
    except ValueError:
        host, plain = "", False
    if not host or not plain:
        raise NoWay("HTTPS_PROXY of the box is not like http://host:port")
    if url.scheme != "http":
        raise NoWay(
            f"HTTPS_PROXY of the box names a proxy of the kind {url.scheme}, and only http://host:port "
            "is spoken to"
        )
    login = ""
    if url.username is not None:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        login = base64.b64encode(pair.encode()).decode("ascii")
    return ForwardProxy(host, port, login)


def _is_excepted(server: Server, exceptions: str) -> bool:
    """Return whether NO_PROXY names the server: by its name, a domain above it, its address or a network."""
    return any(_names(entry.strip().lower(), server) for entry in exceptions.split(","))


def _names(entry: str, server: Server) -> bool:
    if entry == "*":
        return True
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.endswith("]")):
        if int(port) != server.port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").removeprefix(".")
    if not entry:
        return False
    try:
        return ip_address(server.host) in ip_network(entry, strict=False)
    except ValueError:
        host = server.host.rstrip(".")
        return host == entry or host.endswith(f".{entry}")
