"""Connects to a web server, if its IP address is a public one.

The name is resolved once, each of its IP addresses is judged, and the connection goes to one of those and to
nothing else: a name that resolves to another machine a moment later gains nothing. The server's certificate
is checked for the name. No proxy is used, because that would resolve the name by itself.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPSConnection
from threading import Lock
from time import monotonic

import certifi

from backend.fetching.global_addresses import is_global

SILENCE = 30.0
"""Seconds that a server may take to be connected, and to say anything more."""
_MOST_PLACES = 16
"""How many of a name's IP addresses are looked at; no other is used."""


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a name. Raises OSError. Blocks."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def trusted_authorities() -> ssl.SSLContext:
    """Return a TLS context with the authorities of the system, and those of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@dataclass(frozen=True, slots=True)
class Network:
    """How names are resolved, which IP addresses may be reached, and whose certificates count."""

    resolve: Callable[[str, int], Sequence[str]] = resolve
    allows: Callable[[str], bool] = is_global
    make_tls: Callable[[], ssl.SSLContext] = trusted_authorities


class StopSignal:
    """Ends the work of a thread that waits for a server, from another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self.is_asked = False

    def watch(self, connection: socket.socket) -> None:
        """Note the socket that the thread waits for from now on. Raises OSError when it is to stop."""
        with self._lock:
            self._socket = connection
            if self.is_asked:
                raise ConnectionAbortedError

    def ask(self) -> None:
        """Have the thread stop: what it waits for raises OSError, or comes to its end."""
        with self._lock:
            self.is_asked = True
            if self._socket is not None:
                try:
                    # Not the method of a TLS socket, which would go on without TLS.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                except OSError:
                    return  # it is not connected yet, or no longer


class NotGlobal(Exception):
    """A name leads to a machine that is not on the public internet. `str` says so."""


class CheckedConnection(HTTPSConnection):
    """A connection to a machine that may be reached. Raises NotGlobal for one that may not be."""

    def __init__(self, host: str, port: int, network: Network, stop: StopSignal) -> None:
        self._tls = network.make_tls()
        super().__init__(host, port, timeout=SILENCE, context=self._tls)
        self._network = network
        self._stop = stop

    def connect(self) -> None:
        """Resolve the name, judge its IP addresses, and connect to the first that answers. Raises OSError."""
        places = list(self._network.resolve(self.host, self.port))[:_MOST_PLACES]
        for place in places:
            if not self._network.allows(place):
                raise NotGlobal(f"{self.host} is {place}, no address of the public internet")
        end = monotonic() + SILENCE
        error = OSError("the name has no IP address")
        for place in places:
            try:
                self.sock = self._connected(place, max(1.0, end - monotonic()))
                return
            except ssl.SSLError:
                raise
            except OSError as failed:
                error = failed
        raise error

    def _connected(self, place: str, time_limit: float) -> ssl.SSLSocket:
        family = socket.AF_INET6 if ":" in place else socket.AF_INET
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            raw.settimeout(time_limit)
            self._stop.watch(raw)
            raw.connect((place, self.port))
            wrap = partial(self._tls.wrap_socket, raw, server_hostname=self.host)
            # An end without TLS's own farewell is a connection that broke.
            encrypted = wrap(do_handshake_on_connect=False, suppress_ragged_eofs=False)
        except BaseException:
            raw.close()
            raise
        try:
            self._stop.watch(encrypted)
            encrypted.settimeout(SILENCE)
            encrypted.do_handshake()
        except BaseException:
            encrypted.close()
            raise
        return encrypted
