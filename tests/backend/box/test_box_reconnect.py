"""How a link is kept: what is told of it, when it is tried again, and when not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from backend.box.asker import Asker, HostKeyQuestion, UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.box.links.link import Box, JournalCursor, Link, OnStale
from backend.box.links.reconnect import LinkKeeper
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted, UpsampleError
from backend.events import LinkChanged, LinkState
from remote.protocol import Setup, Welcome
from tests.support.askers import Person
from tests.support.sshd import BOUND

BOX = Box("h100", "gpu", Setup("/root", "sketch", "", 1.0))
QUESTION = HostKeyQuestion("gpu", "ssh-ed25519", "SHA256:x")


class _Link(Link):
    """One over which nothing is said."""

    def __init__(self, on_stale: OnStale) -> None:
        self.on_stale = on_stale

    welcome = Welcome(3, "r", "journal", 9, "sketch 1", "s", "", 4, 0)


class Scene:
    """A box whose links a test makes up, one after the other; after the last one the key has changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.001)
        monkeypatch.setattr(reconnect, "open_link", self._open)
        self.told: list[LinkChanged] = []
        self.asked_from: list[int] = []
        """From which number on each link was to begin."""
        self._left: list[UpsampleError | None] = []
        self._asks: bool = False
        self._silences: list[float | None] = []
        self.asks_password = False
        """Whether each login asks for one."""

    async def keep(
        self,
        *links: UpsampleError | None,
        asker: Asker | None = None,
        asks: bool = False,
        silences: tuple[float | None, ...] = (),
    ) -> str:
        """Keep these links (None is one that breaks when it was visited); gives how that ended."""
        self._left = [*links, BoxUntrusted("the key changed")]
        self._asks, self._silences = asks, list(silences)
        keeper = LinkKeeper(BOX, asker or UnattendedAsker(), self.told.append, look=False)
        with pytest.raises(UpsampleError) as raised:
            async with asyncio.timeout(BOUND):
                await keeper.keep(self._how_far, self._visit)
        return raised.value.problem

    @property
    def states(self) -> list[LinkState]:
        return [told.state for told in self.told]

    async def _how_far(self) -> JournalCursor:
        return JournalCursor("journal", len(self.asked_from))

    async def _visit(self, link: Link, _seen: JournalCursor) -> None:
        assert isinstance(link, _Link)
        for silence in self._silences:
            link.on_stale(silence)
        raise BoxUnreachable("it broke")

    @contextlib.asynccontextmanager
    async def _open(
        self, _box: Box, asker: Asker, seen: JournalCursor, *, look: bool, on_stale: OnStale
    ) -> AsyncIterator[_Link]:
        self.asked_from.append(seen.seq)
        if self._asks:
            await asker.accepts_host_key(QUESTION)
        if self.asks_password:
            await asker.secret("Password: ")
        link = self._left.pop(0)
        if link is not None:
            raise link
        yield _Link(on_stale)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


CONNECTING, LIVE, RETRYING = LinkState.CONNECTING, LinkState.LIVE, LinkState.RETRYING


async def test_a_first_link_that_does_not_come_about_is_not_tried_again(scene: Scene) -> None:
    assert await scene.keep(BoxUnreachable("no route")) == "no route"
    assert scene.states == [CONNECTING]


async def test_a_link_that_was_live_is_tried_again_for_as_long_as_it_takes(scene: Scene) -> None:
    away = [BoxUnreachable("no route")] * 8
    assert await scene.keep(None, *away, None) == "the key changed"
    assert scene.states == [
        *(CONNECTING, LIVE, RETRYING),
        *(8 * [CONNECTING, RETRYING]),
        *(CONNECTING, LIVE, RETRYING, CONNECTING),
    ]


async def test_a_login_that_is_refused_after_a_live_link_is_tried_again(scene: Scene) -> None:
    refused = [BoxRefusedLogin("gpu refused the login")] * 3
    assert await scene.keep(None, *refused, None) == "the key changed"
    assert scene.states == [
        *(CONNECTING, LIVE, RETRYING),
        *(3 * [CONNECTING, RETRYING]),
        *(CONNECTING, LIVE, RETRYING, CONNECTING),
    ]
    assert scene.told[4].detail == "gpu refused the login"
    assert scene.told[4].retry_in > 0


async def test_a_login_that_is_refused_at_the_first_link_is_final(scene: Scene) -> None:
    assert await scene.keep(BoxRefusedLogin("refused")) == "refused"
    assert scene.states == [CONNECTING]


async def test_a_login_that_is_refused_to_a_person_who_was_asked_is_final(scene: Scene) -> None:
    scene.asks_password = True
    ended = await scene.keep(None, BoxRefusedLogin("refused"), asker=Person())
    assert ended == "refused"


async def test_a_login_that_is_refused_where_nobody_could_be_asked_is_tried_again(
    scene: Scene,
) -> None:
    scene.asks_password = True
    assert await scene.keep(None, BoxRefusedLogin("refused")) == "the key changed"


async def test_each_link_begins_where_the_last_one_ended(scene: Scene) -> None:
    await scene.keep(None, BoxUnreachable("no route"), None)
    assert scene.asked_from == [0, 1, 2, 3]


async def test_a_link_that_breaks_at_once_is_tried_ever_more_seldom(scene: Scene) -> None:
    await scene.keep(*[None] * 6)
    waits = [told.retry_in for told in scene.told if told.state is RETRYING]
    assert waits[-1] > 4 * waits[0]


async def test_a_link_that_held_makes_the_next_failure_a_first_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "STEADY_SECONDS", 0.0)

    async def visit(_link: Link, _seen: JournalCursor) -> None:
        await asyncio.sleep(0.001)
        raise BoxUnreachable("it broke")

    monkeypatch.setattr(scene, "_visit", visit)
    await scene.keep(*[None] * 8)
    waits = [told.retry_in for told in scene.told if told.state is RETRYING]
    assert max(waits) <= backoff.FIRST_PAUSE


async def test_silence_is_told_with_its_length_and_so_is_its_end(scene: Scene) -> None:
    await scene.keep(None, silences=(12.5, None))
    assert [(told.state, told.detail, told.silent_for) for told in scene.told[1:4]] == [
        (LIVE, "sketch 1", 0.0),
        (LinkState.STALE, "", 12.5),
        (LIVE, "sketch 1", 0.0),
    ]


class _Thinking(Person):
    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        await asyncio.sleep(0.01)
        return await super().accepts_host_key(question)


async def test_a_question_is_told_while_it_is_open(scene: Scene) -> None:
    await scene.keep(BoxUnreachable("no route"), asker=_Thinking(), asks=True)
    assert scene.states == [CONNECTING, LinkState.WAITING, CONNECTING]
    assert "gpu" in scene.told[1].detail


async def test_where_nobody_is_asked_nobody_is_waited_for(scene: Scene) -> None:
    await scene.keep(BoxUnreachable("no route"), asks=True)
    assert LinkState.WAITING not in scene.states
