"""What makes every open connection suspect: this machine slept or stood still, or has another network.

TCP notices neither by itself: after a night in a bag, a laptop's connections look as alive as before.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

JUMP_SECONDS = 5.0
"""A shorter standstill is a busy machine, not a sleeping one."""
_FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that nobody has (RFC 5737, RFC 3849): what leads there is the way to everywhere."""


def sending_addresses() -> tuple[str, ...]:
    """The addresses that this machine would send from; empty without a network. Nothing is sent."""
    found: list[str] = []
    for family, far in _FAR:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.append(probe.getsockname()[0])
    return tuple(found)


class InterruptionDetector:
    """Compares what is with what was at the look before."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        addresses: Callable[[], tuple[str, ...]] = sending_addresses,
    ) -> None:
        """`wall` goes on while the machine sleeps and `monotonic` does not; both in seconds."""
        self._wall = wall
        self._monotonic = monotonic
        self._addresses = addresses
        self._before = (wall(), monotonic(), addresses())

    def change(self, expected: float) -> str:
        """What happened since the last look, which was to be `expected` seconds ago; empty if nothing did."""
        wall, monotonic, addresses = self._before
        self._before = (self._wall(), self._monotonic(), self._addresses())
        awake = self._before[1] - monotonic
        # Asleep, only the wall clock goes on; a stopped process (Ctrl-Z) or machine is merely late.
        still = max(self._before[0] - wall - awake, awake - expected)
        if still > JUMP_SECONDS:
            return f"this machine stood still for {still:,.0f} s"
        if self._before[2] != addresses:
            return "the network changed"
        return ""
