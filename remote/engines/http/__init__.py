"""A small HTTP/1.1 client for one server that this box trusts with its key: JSON out, JSON or events in.

    server         which server it is, and how it is reached
    client         one request over one connection of its own
    forward_proxy  the tunnel to an https server through the proxy that HTTPS_PROXY names
    connection     bytes and lines, with a time limit on the server's silence
    response       the answer and its body
    events         the server-sent events in a body

It follows no redirect, keeps no connection, and unpacks nothing. A server without TLS is reached directly: it
is on the box or a trusted network, and a key must not go anywhere else.
"""

from __future__ import annotations

from remote.engines.http.client import Client
from remote.engines.http.connection import (
    BrokenConnection,
    LostConnection,
    NoWay,
    Silent,
    Unanswered,
    Unreachable,
    Untrusted,
)
from remote.engines.http.events import EventDecoder, EventTooLong
from remote.engines.http.response import Response
from remote.engines.http.server import Server

__all__ = [
    "BrokenConnection",
    "Client",
    "EventDecoder",
    "EventTooLong",
    "LostConnection",
    "NoWay",
    "Response",
    "Server",
    "Silent",
    "Unanswered",
    "Unreachable",
    "Untrusted",
]
