"""Sends one request over one connection. Leaving the request's block closes the connection at once, by which
the model server learns that it can stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterator

from remote.engines.http.connection import (
    MOST_LINE,
    Connection,
    NoWay,
    Unreachable,
    Untrusted,
    reason,
)
from remote.engines.http.forward_proxy import proxy_for
from remote.engines.http.response import Response
from remote.engines.http.server import Server
from remote.protocol import Json

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
"""OpenSSL's words for a server whose answer is no TLS."""


class Client:
    """Requests to one server. It holds nothing open between them."""

    def __init__(self, server: Server, connect_limit: float = 10.0) -> None:
        """`connect_limit`: seconds for the address, the connection and TLS together."""
        self.server = server
        self._connect_limit = connect_limit
        self._tls: ssl.SSLContext | None = None

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, path: str, *, silence: float, body: Json = None
    ) -> AsyncIterator[Response]:
        """Send a request, and give its response when the head has come; closed at the end of the block.

        `path` comes after the server's root; `body` is sent as JSON, None for no body. `silence` is the
        number of seconds until the head and the body, or its first event, must have come.
        Raises Unreachable, Silent and BrokenConnection.
        """
        reader, writer = await self._connect()
        try:
            connection = Connection(self.server, reader, writer)
            connection.allow(silence)
            # Not drained: a server may refuse a body long before it has read it.
            writer.write(self._encode(method, path, body))
            status, headers = await connection.read_head()
            yield Response(connection, status, headers)
        finally:
            # Not close(), which would first send what is left of the body.
            writer.transport.abort()

    def _encode(self, method: str, path: str, body: Json) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {self.server.root}{path} HTTP/1.1",
            f"Host: {self.server.host_header}",
            "User-Agent: upsample",
            "Accept: application/json, text/event-stream",
            "Accept-Encoding: identity",
            "Connection: close",
        ]
        if self.server.api_key:
            lines.append(f"Authorization: Bearer {self.server.api_key}")
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + content

    async def _connect(self) -> _Streams:
        opening = asyncio.ensure_future(self._open())
        try:
            # Not wait_for, which before Python 3.12 can lose a cancel or the connection.
            await asyncio.wait([opening], timeout=self._connect_limit)
        except asyncio.CancelledError:
            _drop(opening)
            raise
        if not opening.done():
            _drop(opening)
            limit = f"{self._connect_limit:g} s"
            raise Unreachable(f"{self.server.label} did not take a connection in {limit}")
        try:
            return opening.result()
        except ssl.SSLCertVerificationError as error:
            said = f"certificate verify failed: {error.verify_message or reason(error)}"
            raise Untrusted(f"cannot connect to {self.server.label}: {said}") from None
        except ssl.SSLError as error:
            if error.reason in _NO_TLS:
                raise NoWay(
                    f"{self.server.label} does not speak TLS; is base_url to begin with http://?"
                ) from None
            said = reason(error)
        except OSError as error:
            said = reason(error)
        except UnicodeError as error:
            said = str(error)
        raise Unreachable(f"cannot connect to {self.server.label}: {said}")

    async def _open(self) -> _Streams:
        server = self.server
        if server.socket_path is not None:
            return await asyncio.open_unix_connection(server.socket_path, limit=MOST_LINE)
        if server.tls and self._tls is None:
            self._tls = _trusting(server.ca_file)
        proxy = proxy_for(server, os.environ)
        if proxy is not None:
            return await asyncio.open_connection(
                sock=await proxy.open_tunnel(server),
                ssl=self._tls,
                server_hostname=server.host,
                limit=MOST_LINE,
            )
        return await asyncio.open_connection(
            server.host, server.port, ssl=self._tls, limit=MOST_LINE
        )


def _trusting(ca_file: str) -> ssl.SSLContext:
    """Make the TLS settings: the authorities of the system (or SSL_CERT_FILE), and those of this file.

    Raises NoWay when the file cannot be read.
    """
    tls = ssl.create_default_context()
    if ca_file:
        path = os.path.expanduser(ca_file)  # noqa: PTH111 - Path's raises for an unknown user
        try:
            tls.load_verify_locations(path)
        except ssl.SSLError:
            raise NoWay(f"openai.ca_file {ca_file!r} of the box holds no certificate") from None
        except OSError as error:
            raise NoWay(
                f"openai.ca_file {ca_file!r} of the box cannot be read: {reason(error)}"
            ) from None
    return tls


def _drop(opening: asyncio.Future[_Streams]) -> None:
    """Cancel the opening of a connection, and close the connection if it opens all the same."""
    opening.add_done_callback(_close)
    opening.cancel()


def _close(opened: asyncio.Future[_Streams]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result()[1].transport.abort()
