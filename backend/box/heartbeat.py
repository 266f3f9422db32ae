"""Does the other end still live? What is heard says yes; where nothing is heard, a ping asks.

SSH's own keepalive asks sshd alone. A ping goes through the relay to the daemon and back, so that either
of them may hang and it is noticed. Only time spent listening counts as silence: an app that is busy with
what it heard does not blame the box.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backend.box.interruptions import InterruptionDetector
from remote.protocol import Ping, Pong

LOOK_SECONDS = 1.0
PING_SECONDS = 5.0
STALE_SECONDS = 12.0
"""Silence after which a link is shown as stale."""
LOST_SECONDS = 30.0
"""Silence after which it is given up and made anew."""
PROBE_SECONDS = 5.0
"""The same after this machine slept, or has another network: a link that lives answers at once."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """How a link is found at a look."""

    silence: float
    """Seconds since anything was heard; 0 while nobody listens."""
    cause: str
    """What made the link suspect; empty when nothing did."""
    is_stale: bool
    is_lost: bool


class Heartbeat:
    """Of one link. It never waits: `ping` must only put the message on its way."""

    def __init__(
        self,
        ping: Callable[[Ping], None],
        surroundings: InterruptionDetector | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ping = ping
        self._surroundings = surroundings or InterruptionDetector()
        self._clock = clock
        self._listening = False
        self._heard = clock()
        """When anything was heard last, or the silence began anew."""
        self._pinged = clock()
        self._number = 0
        self._cause = ""
        self._probe = 0
        """The ping whose answer takes the suspicion away."""

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Around a wait for a message."""
        self._heard = self._clock()
        self._listening = True
        try:
            yield
        finally:
            self._listening = False

    def hear(self, pong: Pong) -> None:
        """A ping was answered."""
        if pong.number >= self._probe:
            self._cause = ""

    def look(self) -> LinkHealth:
        """Ask if it is time to, and say how the link is. To be called every LOOK_SECONDS."""
        now = self._clock()
        if cause := self._surroundings.change(LOOK_SECONDS):
            # Nothing could be heard meanwhile, so the silence begins here.
            self._cause, self._heard = cause, now
            self._ask(now)
            self._probe = self._number
        elif now - self._pinged >= PING_SECONDS:
            self._ask(now)
        silence = now - self._heard if self._listening else 0.0
        stale, lost = (0.0, PROBE_SECONDS) if self._cause else (STALE_SECONDS, LOST_SECONDS)
        return LinkHealth(silence, self._cause, silence > stale, silence > lost)

    def _ask(self, now: float) -> None:
        self._number += 1
        self._pinged = now
        self._ping(Ping(self._number))
