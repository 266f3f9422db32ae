"""A link that breaks as real ones do: a TCP proxy on loopback in front of a server.

Cut (an orderly end), reset (RST), in the middle of what passes (after so many bytes), and as a black hole:
what is sent arrives nowhere, and nobody says so.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

from tests.support.sshd import LOOPBACK

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Relays every connection to a port, until the link breaks."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.passed = 0
        """Bytes that came from the server so far, over all connections."""
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._carries = threading.Event()
        self._carries.set()
        self._left: int | None = None
        """Bytes from the server that still pass before the link is reset; None: no end is set."""
        self._start(self._accept)

    def cut(self) -> None:
        """Break every connection that there is; new ones are let through."""
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """The same with RST, as a router does that has forgotten the connection."""
        with self._lock:
            for end in self._open:
                _reset(end)

    def reset_after(self, size: int) -> None:
        """Reset the connections when so many more bytes have come from the server."""
        with self._lock:
            self._left = size

    def swallow(self) -> None:
        """Become a black hole: old and new connections stay open, and nothing passes."""
        self._carries.clear()

    def carry(self) -> None:
        """Carry again what comes from now on, and what was held."""
        self._carries.set()

    def close(self) -> None:
        self._carries.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection((LOOPBACK, self._target), 10)
                far.settimeout(None)
                with self._lock:
                    self._open += [near, far]
                self._start(self._pass_requests, near, far)
                self._start(self._pass_answers, far, near)

    def _pass_requests(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(1 << 16):
                self._carries.wait()
                far.sendall(data)
        self._end(near, far)

    def _pass_answers(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(1 << 16):
                self._carries.wait()
                allowed = self._allowed(len(data))
                near.sendall(data[:allowed])
                if allowed < len(data):
                    self.reset()
        self._end(far, near)

    def _allowed(self, size: int) -> int:
        """How many of so many bytes may pass; fewer than there are ends the link."""
        with self._lock:
            allowed = size
            if self._left is not None and self._left < size:
                allowed, self._left = self._left, None
            elif self._left is not None:
                self._left -= size
            self.passed += allowed
            return allowed

    def _end(self, source: socket.socket, target: socket.socket) -> None:
        # In a black hole, nobody hears of an end either.
        self._carries.wait()
        with contextlib.suppress(OSError):
            if source.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER):
                source.close()
            else:
                target.shutdown(socket.SHUT_RDWR)

    def _start(self, work: object, *arguments: socket.socket) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


def _reset(end: socket.socket) -> None:
    """Let the thread that reads from it close it, which sends RST and no orderly end."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        end.shutdown(socket.SHUT_RD)


@contextlib.contextmanager
def cuttable(target: int) -> Iterator[Proxy]:
    """A proxy for as long as the block lasts."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
