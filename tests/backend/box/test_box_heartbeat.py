"""When a link counts as stale, as lost, and as live again. No time goes by here but the test's own."""

from __future__ import annotations

import pytest

from backend.box.links.heartbeat import (
    LOST_SECONDS,
    PING_SECONDS,
    PROBE_SECONDS,
    STALE_SECONDS,
    Heartbeat,
    LinkHealth,
)
from remote.protocol import Ping, Pong
from tests.support.clocks import MadeUpTime


class Scene:
    """A link on which a test decides what is heard."""

    def __init__(self) -> None:
        self.time = MadeUpTime()
        self.pings: list[int] = []
        self.heartbeat = Heartbeat(self._ping, self.time.detector, lambda: self.time.monotonic)

    def _ping(self, ping: Ping) -> None:
        self.pings.append(ping.number)

    def listen(self, seconds: int) -> list[LinkHealth]:
        """Wait for a message that does not come; gives what each look found."""
        checks: list[LinkHealth] = []
        with self.heartbeat.listening():
            for _ in range(seconds):
                self.time.work(1.0)
                checks.append(self.heartbeat.check())
        return checks


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_silence_makes_a_link_stale_and_then_lost(scene: Scene) -> None:
    checks = scene.listen(int(LOST_SECONDS) + 1)
    assert [beat.is_stale for beat in checks].index(True) == STALE_SECONDS
    assert [beat.is_lost for beat in checks].index(True) == LOST_SECONDS
    assert checks[-1].silence == LOST_SECONDS + 1


def test_whatever_is_heard_makes_it_live_again(scene: Scene) -> None:
    assert scene.listen(int(LOST_SECONDS))[-1].is_stale
    assert not scene.listen(1)[-1].is_stale  # a message came in between
    assert not scene.listen(int(STALE_SECONDS))[-1].is_stale


def test_it_is_asked_again_and_again_though_something_is_heard(scene: Scene) -> None:
    for _ in range(60):
        scene.listen(1)
    assert scene.pings == list(range(1, 60 // int(PING_SECONDS) + 1))


def test_an_app_that_is_busy_with_a_message_does_not_blame_the_box(scene: Scene) -> None:
    scene.listen(1)
    for _ in range(100):
        scene.time.work(1.0)
        assert scene.heartbeat.check().silence == 0.0


def test_after_a_sleep_the_box_is_asked_at_once_and_has_little_time(scene: Scene) -> None:
    scene.listen(1)
    scene.time.sleep(8 * 3600.0)
    checks = scene.listen(int(PROBE_SECONDS) + 2)
    assert scene.pings == [1, 2]
    assert not checks[0].is_lost
    assert [beat.is_lost for beat in checks].index(True) == PROBE_SECONDS + 1
    assert "stood still for 28,800 s" in checks[-1].cause


def test_a_process_that_was_stopped_gives_the_box_time_to_answer(scene: Scene) -> None:
    with scene.heartbeat.listening():
        scene.time.work(3600.0)
        beat = scene.heartbeat.check()
        assert not beat.is_lost
        assert scene.pings == [1]
        scene.heartbeat.record_pong(Pong(1))
    assert not scene.listen(int(STALE_SECONDS))[-1].is_stale


def test_an_answer_from_before_the_sleep_does_not_take_the_suspicion_away(scene: Scene) -> None:
    scene.listen(int(PING_SECONDS))
    scene.time.sleep(600.0)
    scene.listen(1)
    scene.heartbeat.record_pong(Pong(1))
    assert scene.listen(int(PROBE_SECONDS) + 1)[-1].is_lost
    scene.heartbeat.record_pong(Pong(2))
    assert not scene.listen(int(PROBE_SECONDS) + 1)[-1].is_lost


def test_another_network_makes_a_link_suspect(scene: Scene) -> None:
    scene.listen(1)
    scene.time.addresses = ()
    assert scene.listen(1)[-1].cause == "the network changed"
    assert scene.pings == [1]
