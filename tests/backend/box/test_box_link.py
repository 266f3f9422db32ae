"""A link over a real sshd to a real daemon: whatever of it hangs is noticed, and it is made again.

The times are made short here; what they are is in docs/connection.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.box.links import heartbeat, runner
from backend.box.links import link as module
from backend.box.links.interruptions import InterruptionDetector
from backend.box.links.link import Box, JournalCursor, Link, open_link
from backend.box.ssh import connecting
from backend.errors import BoxUnreachable, BoxUnusable
from remote.paths import make_daemon_paths
from remote.protocol import Fatal, Message, Setup, Status, encode
from tests.backend.box.conftest import StartSshd
from tests.support.clocks import MadeUpTime
from tests.support.daemons import daemons_below
from tests.support.laptop import IDLE_SECONDS, Laptop
from tests.support.proxy import Proxy, cuttable
from tests.support.sshd import BOUND


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(heartbeat, "PING_SECONDS", 0.2)
    monkeypatch.setattr(heartbeat, "STALE_SECONDS", 1.5)
    monkeypatch.setattr(heartbeat, "LOST_SECONDS", 10.0)
    monkeypatch.setattr(connecting, "CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(runner, "_CLOSE_SECONDS", 0.1)
    monkeypatch.setattr("backend.box.links.channel._CLOSE_SECONDS", 0.1)


@pytest.fixture
def proxy(start_sshd: StartSshd, laptop: Laptop) -> Iterator[Proxy]:
    """The way to the Host testbox, whose key is known."""
    server = start_sshd()
    with ExitStack() as stack:
        made = stack.enter_context(cuttable(server.port))
        laptop.add_host("testbox", made.port)
        laptop.trust(made.port, server.host_key)
        yield made


@pytest.fixture
def box(proxy: Proxy, tmp_path: Path) -> Box:
    return Box("h100", "testbox", Setup(str(tmp_path / "root"), "sketch", "", IDLE_SECONDS))


async def _hear(link: Link, kind: type[Message]) -> None:
    async for message in link.messages():
        if isinstance(message, kind):
            return


async def _hear_all(link: Link) -> None:
    async for _ in link.messages():
        pass


def _relays(folder: Path) -> list[int]:
    """The processes that sshd started for the runner, known by the home that it gave them."""
    home = b"HOME=" + os.fsencode(folder)
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if b"exec(sys.argv.pop(0))" in command and home in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


async def test_a_daemon_that_stands_still_is_noticed_and_found_again_when_it_goes_on(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(BOUND), open_link(box, UnattendedAsker(), JournalCursor()) as link:
        await _hear(link, Status)
        (daemon,) = daemons_below(tmp_path)
        os.kill(daemon, signal.SIGSTOP)
        with pytest.raises(BoxUnreachable, match="nothing came from h100 for"):
            await _hear_all(link)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_GREETING_SECONDS", 0.5)
        with pytest.raises(BoxUnreachable, match="the daemon on h100 does not answer"):
            await _open_once(box)
    os.kill(daemon, signal.SIGCONT)
    async with asyncio.timeout(BOUND), open_link(box, UnattendedAsker(), JournalCursor()) as again:
        assert again.welcome.journal == link.welcome.journal
        await _hear(again, Status)


async def _open_once(box: Box) -> None:
    async with asyncio.timeout(BOUND), open_link(box, UnattendedAsker(), JournalCursor()):
        pass


async def test_a_daemon_that_ends_just_as_one_comes_is_followed_by_another(
    box: Box, tmp_path: Path
) -> None:
    place = make_daemon_paths(str(tmp_path / "root"))
    greeted: list[asyncio.StreamWriter] = []

    def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(writer)
        place.socket.unlink()
        writer.close()

    async with (
        asyncio.timeout(BOUND),
        await asyncio.start_unix_server(end, place.socket),
        open_link(box, UnattendedAsker(), JournalCursor()) as link,
    ):
        assert link.welcome.engine.startswith("sketch")
    assert len(greeted) == 1


async def test_daemons_that_always_end_are_given_up(box: Box, tmp_path: Path) -> None:
    place = make_daemon_paths(str(tmp_path / "root"))
    async with (
        asyncio.timeout(BOUND),
        await asyncio.start_unix_server(lambda _, writer: writer.close(), place.socket),
    ):
        with pytest.raises(BoxUnreachable, match="hung up before it greeted"):
            await _open_once(box)
    place.socket.unlink()


@pytest.mark.parametrize("kind", ["hung", "killed", "away"])
async def test_a_daemon_that_a_later_try_may_reach_is_unreachable_and_not_refused(
    box: Box, tmp_path: Path, kind: str
) -> None:
    place = make_daemon_paths(str(tmp_path / "root"))

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(Fatal(kind, "not now")))
        writer.close()

    async with asyncio.timeout(BOUND), await asyncio.start_unix_server(refuse, place.socket):
        with pytest.raises(BoxUnreachable):
            await _open_once(box)
    place.socket.unlink()


async def test_a_daemon_that_spends_no_more_says_how_to_go_on(box: Box, tmp_path: Path) -> None:
    place = make_daemon_paths(str(tmp_path / "root"))

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(Fatal("limit", "openai.spend_limit of 5 is reached")))
        writer.close()

    async with asyncio.timeout(BOUND), await asyncio.start_unix_server(refuse, place.socket):
        with pytest.raises(BoxUnusable, match="h100 spends no more for now: openai") as told:
            await _open_once(box)
    assert "raise openai.spend_limit of h100" in told.value.remedy
    place.socket.unlink()


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ("openai.base_url", "boxes.h100.openai.base_url http://127.0.0.1:8000/v1"),
        ("`model`", "boxes.h100.model /models/NAME"),
        ("api_key_env", "upsample config edit; `upsample doctor h100` checks them"),
    ],
)
async def test_an_engine_that_lacks_a_setting_says_how_it_is_given(
    box: Box, tmp_path: Path, setting: str, remedy: str
) -> None:
    place = make_daemon_paths(str(tmp_path / "root"))

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(Fatal("engine", f"the engine needs the box's setting {setting}")))
        writer.close()

    async with asyncio.timeout(BOUND), await asyncio.start_unix_server(refuse, place.socket):
        with pytest.raises(BoxUnusable, match="the engine of h100 cannot start: ") as told:
            await _open_once(box)
    assert remedy in told.value.remedy
    place.socket.unlink()


async def test_a_relay_that_stands_still_is_noticed(box: Box, tmp_path: Path) -> None:
    async with asyncio.timeout(BOUND), open_link(box, UnattendedAsker(), JournalCursor()) as link:
        await _hear(link, Status)
        relays = _relays(tmp_path)
        assert relays
        for relay in relays:
            os.kill(relay, signal.SIGSTOP)
        try:
            with pytest.raises(BoxUnreachable, match="nothing came from h100 for"):
                await _hear_all(link)
        finally:
            for relay in relays:
                os.kill(relay, signal.SIGCONT)


async def test_a_black_hole_is_told_as_stale_and_then_given_up(box: Box, proxy: Proxy) -> None:
    told: list[float | None] = []
    async with asyncio.timeout(BOUND):
        async with open_link(box, UnattendedAsker(), JournalCursor(), on_stale=told.append) as link:
            await _hear(link, Status)
            proxy.swallow()
            told.clear()  # a busy machine may have been silent before
            with pytest.raises(BoxUnreachable, match="nothing came from h100 for"):
                await _hear_all(link)
    (silence,) = [each for each in told if each is not None]
    assert silence > heartbeat.STALE_SECONDS


async def test_a_link_that_was_stale_is_live_again_with_the_first_sign(
    box: Box, proxy: Proxy
) -> None:
    heard: asyncio.Queue[float | None] = asyncio.Queue()
    async with asyncio.timeout(BOUND):
        async with open_link(
            box, UnattendedAsker(), JournalCursor(), on_stale=heard.put_nowait
        ) as link:
            listening = asyncio.create_task(_hear_all(link))
            proxy.swallow()
            assert await heard.get() is not None
            proxy.carry()
            assert await heard.get() is None
            assert not listening.done()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def test_a_black_hole_during_the_greeting_ends_the_link(
    box: Box, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "KEEPALIVE_SECONDS", 0.3)
    greet = module._greet

    async def swallow(*arguments: object) -> object:
        proxy.swallow()
        return await greet(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_greet", swallow)
    with pytest.raises(BoxUnreachable):
        await _open_once(box)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> MadeUpTime:
    """Whether the laptop sleeps is up to the test."""
    made = MadeUpTime()
    # For the looks of a link only; what a link waits for is in real time.
    monkeypatch.setattr(heartbeat, "InterruptionDetector", lambda: _Still(made))
    return made


class _Still(InterruptionDetector):
    """Looks that come when they should, whatever the machine of the test is busy with."""

    def __init__(self, time: MadeUpTime) -> None:
        self._time = time
        super().__init__(lambda: time.wall, lambda: time.monotonic, lambda: time.addresses)

    def detect(self, expected: float) -> str:
        self._time.work(expected)
        return super().detect(expected)


async def test_after_a_sleep_a_dead_link_is_given_up_soon(
    box: Box, proxy: Proxy, time: MadeUpTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "STALE_SECONDS", BOUND)
    monkeypatch.setattr(heartbeat, "LOST_SECONDS", BOUND)
    monkeypatch.setattr(heartbeat, "PROBE_SECONDS", 1.0)
    async with asyncio.timeout(BOUND), open_link(box, UnattendedAsker(), JournalCursor()) as link:
        proxy.swallow()
        time.sleep(3600.0)
        with pytest.raises(BoxUnreachable, match=r"this machine stood still for 3,600 s"):
            await _hear_all(link)


async def test_after_a_sleep_a_link_that_answers_goes_on(box: Box, time: MadeUpTime) -> None:
    async with asyncio.timeout(BOUND), open_link(box, UnattendedAsker(), JournalCursor()) as link:
        for _ in range(3):
            time.sleep(3600.0)
            await _hear(link, Status)
