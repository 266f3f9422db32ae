"""Detects interruptions that may have broken every open connection: this machine slept, or changed its
network.

TCP does not notice them: after a night in a bag, a laptop's dead connections still look alive.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

JUMP_SECONDS = 5.0
"""The shortest standstill that counts as sleep. A busy machine may stand still for less."""
_FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that no machine has (RFC 5737, RFC 3849). Packets to them would take the default route."""


def sending_addresses() -> tuple[str, ...]:
    """Return the addresses that this machine would send from; empty without a network. Sends nothing."""
    found: list[str] = []
    for family, far in _FAR:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.append(probe.getsockname()[0])
    return tuple(found)


class InterruptionDetector:
    """Compares clocks and network addresses with those at the last check."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        addresses: Callable[[], tuple[str, ...]] = sending_addresses,
    ) -> None:
        """Both clocks are in seconds. While the machine sleeps, `wall` goes on and `monotonic` stops."""
        self._wall = wall
        self._monotonic = monotonic
        self._addresses = addresses
        self._before = (wall(), monotonic(), addresses())

    def detect(self, expected: float) -> str:
        """Describe an interruption since the last check; empty if there was none.

        `expected` is the number of seconds that the caller meant to wait since then.
        """
        wall, monotonic, addresses = self._before
        self._before = (self._wall(), self._monotonic(), self._addresses())
        awake = self._before[1] - monotonic
        # In sleep, only the wall clock goes on. A stopped process (Ctrl-Z) or machine is only late.
        still = max(self._before[0] - wall - awake, awake - expected)
        if still > JUMP_SECONDS:
            return f"this machine stood still for {still:,.0f} s"
        if self._before[2] != addresses:
            return "the network changed"
        return ""
