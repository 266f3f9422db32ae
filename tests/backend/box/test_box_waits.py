"""Nothing on the way to a box waits for ever: not for packets that vanish, and not for a person who is away.

The bounds themselves are made short here; what they are is in docs/connection.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backend.box.asker import HostKeyQuestion
from backend.box.links import runner
from backend.box.links.runner import build_runner, deploy
from backend.box.ssh import connecting, login_timeout
from backend.box.ssh.connecting import connect
from backend.box.ssh.login_timeout import limit_login_time
from backend.errors import BoxUnreachable, BoxUntrusted
from tests.backend.box.conftest import StartSshd
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.proxy import Proxy, cuttable
from tests.support.sshd import BOUND, Sshd

QUESTION = HostKeyQuestion("gpu", "ssh-ed25519", "SHA256:x")


class SlowPerson(Person):
    """Says yes after a while, or never."""

    def __init__(self, seconds: float) -> None:
        super().__init__(accepts=True, password="right")  # noqa: S106
        self._seconds = seconds

    async def accepts_host_key(self, question: HostKeyQuestion) -> bool:
        await asyncio.sleep(self._seconds)
        return await super().accepts_host_key(question)

    async def secret(self, prompt: str) -> str | None:
        await asyncio.sleep(self._seconds)
        return await super().secret(prompt)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(runner, "_CLOSE_SECONDS", 0.1)


@pytest.fixture
def proxy(start_sshd: StartSshd, laptop: Laptop) -> Iterator[Proxy]:
    """The way to the Host testbox, whose key is known."""
    server = start_sshd()
    with ExitStack() as stack:
        made = stack.enter_context(cuttable(server.port))
        laptop.add_host("testbox", made.port)
        laptop.trust(made.port, server.host_key)
        yield made


async def test_a_person_may_take_longer_than_the_machines(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "LOGIN_SECONDS", 8.0)
    async with asyncio.timeout(BOUND), connect("testbox", SlowPerson(8.5)) as connection:
        assert not connection.is_closed()


async def test_machines_get_no_more_than_their_time() -> None:
    with pytest.raises(TimeoutError):
        async with limit_login_time(0.01, Person()):
            await asyncio.sleep(BOUND)


async def test_after_an_answer_the_machines_clock_goes_on() -> None:
    async def log_in() -> None:
        async with limit_login_time(0.05, SlowPerson(0.1)) as asker:
            assert await asker.accepts_host_key(QUESTION)
            assert await asker.secret("Password: ") == "right"
            await asyncio.sleep(BOUND)

    with pytest.raises(TimeoutError):
        await log_in()


async def test_a_question_that_nobody_answers_counts_as_no(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_timeout, "QUESTION_SECONDS", 0.1)
    with pytest.raises(BoxUntrusted, match="is not known"):
        async with asyncio.timeout(BOUND), connect("testbox", SlowPerson(BOUND)):
            pass


async def test_a_host_that_swallows_the_login_does_not_answer(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "LOGIN_SECONDS", 0.5)
    proxy.swallow()
    with pytest.raises(BoxUnreachable, match="testbox does not answer"):
        async with asyncio.timeout(BOUND), connect("testbox", Person()):
            pass


async def _deploy_into_a_black_hole(proxy: Proxy, root: Path) -> None:
    async with asyncio.timeout(BOUND), connect("testbox", Person()) as connection:
        proxy.swallow()
        await deploy(connection, str(root), build_runner())


async def test_a_black_hole_during_the_deploy_ends_the_link(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "KEEPALIVE_SECONDS", 0.3)
    with pytest.raises(BoxUnreachable, match="the link to the box broke"):
        await _deploy_into_a_black_hole(proxy, tmp_path / "root")


async def test_a_box_that_is_there_and_takes_no_file_is_given_up(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_SECONDS", 0.5)
    with pytest.raises(BoxUnreachable, match="SFTP gives no answer"):
        await _deploy_into_a_black_hole(proxy, tmp_path / "root")


async def test_leaving_a_black_hole_does_not_wait_for_a_farewell(proxy: Proxy) -> None:
    async with asyncio.timeout(BOUND):
        async with connect("testbox", Person()) as connection:
            proxy.swallow()
        assert connection.is_closed()
