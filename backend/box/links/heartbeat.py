"""Checks by pings whether the other end of a link is alive.

SSH's own keepalive reaches only sshd. Our ping goes through the relay to the daemon and back, so a hang of
either is noticed. Only the time in which the app waits for a message counts as silence, so a busy app does
not take the box for dead.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backend.box.links.interruptions import InterruptionDetector
from remote.protocol import Ping, Pong

LOOK_SECONDS = 1.0
PING_SECONDS = 5.0
STALE_SECONDS = 12.0
"""Seconds of silence after which a link is shown as stale."""
LOST_SECONDS = 30.0
"""Seconds of silence after which a link counts as lost and is connected again."""
PROBE_SECONDS = 5.0
"""Seconds of silence after which a link counts as lost when this machine has slept or its network has
changed. A live link answers at once."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """The result of a check of a link."""

    silence: float
    """Seconds since the last message; 0 while the app does not wait for one."""
    cause: str
    """What made the link suspect: a sleep or a network change. Empty when nothing did."""
    is_stale: bool
    is_lost: bool


class Heartbeat:
    """The heartbeat of one link. It never waits, so `ping` must only queue the message."""

    def __init__(
        self,
        ping: Callable[[Ping], None],
        detector: InterruptionDetector | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ping = ping
        self._detector = detector or InterruptionDetector()
        self._clock = clock
        self._listening = False
        self._heard = clock()
        """When the last message came, or when the silence was last reset."""
        self._pinged = clock()
        self._number = 0
        self._cause = ""
        self._probe = 0
        """The number of the ping whose answer clears `_cause`."""

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Mark the block as a wait for a message."""
        self._heard = self._clock()
        self._listening = True
        try:
            yield
        finally:
            self._listening = False

    def record_pong(self, pong: Pong) -> None:
        """Take note of the answer to a ping."""
        if pong.number >= self._probe:
            self._cause = ""

    def check(self) -> LinkHealth:
        """Send a ping if one is due, and return the state of the link. Call it every LOOK_SECONDS."""
        now = self._clock()
        if cause := self._detector.detect(LOOK_SECONDS):
            # No message could arrive in that time, so the silence begins now.
            self._cause, self._heard = cause, now
            self._send_ping(now)
            self._probe = self._number
        elif now - self._pinged >= PING_SECONDS:
            self._send_ping(now)
        silence = now - self._heard if self._listening else 0.0
        stale, lost = (0.0, PROBE_SECONDS) if self._cause else (STALE_SECONDS, LOST_SECONDS)
        return LinkHealth(silence, self._cause, silence > stale, silence > lost)

    def _send_ping(self, now: float) -> None:
        self._number += 1
        self._pinged = now
        self._ping(Ping(self._number))
