"""Questions about a box: one at a time, for a while only, and nothing but a typed yes is a yes."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Input

from backend.box.asker import HostKeyQuestion
from tests.support.pilots import until, until_screen
from tests.tui.conftest import MakeApp
from tui.app import UpsampleApp
from tui.dialogs.box_questions import HostKeyDialog, SecretDialog
from tui.dialogs.help import HelpScreen
from tui.specs.screen import SpecsScreen
from tui.state.asker import AppAsker

QUESTION = HostKeyQuestion("gpu-box", "ssh-ed25519", "SHA256:" + "A" * 43)


def asked(app: UpsampleApp) -> asyncio.Task[bool]:
    return asyncio.create_task(app.asker.accepts_host_key(QUESTION))


@pytest.mark.parametrize(
    ("keys", "accepted"),
    [
        (["y", "e", "s", "enter"], True),
        (["Y", "enter"], True),
        (["enter"], False),
        (["escape"], False),
        (["n", "o", "enter"], False),
        (["r", "a", "i", "n", "y", "enter"], False),
    ],
)
async def test_only_a_typed_yes_accepts_a_host_key(
    make_app: MakeApp, keys: list[str], accepted: bool
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        answer = asked(app)
        await until_screen(pilot, HostKeyDialog)
        await pilot.press(*keys)
        assert await answer is accepted
        await until(pilot, lambda: not isinstance(app.screen, HostKeyDialog))


async def test_a_secret_is_masked_and_handed_on_as_it_was_typed(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        answer = asyncio.create_task(app.asker.secret("Password for ada@gpu-box: "))
        await until_screen(pilot, SecretDialog)
        await pilot.press("s", "space", "q")
        assert app.screen.query_one(Input).password
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "•••" in shown
        await pilot.press("enter")
        assert await answer == "s q"


async def test_questions_come_one_after_the_other(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        first = asked(app)
        await until_screen(pilot, HostKeyDialog)
        second = asyncio.create_task(app.asker.secret("Password: "))
        await pilot.pause()
        assert isinstance(app.screen, HostKeyDialog)
        await pilot.press("enter")
        assert await first is False
        await until_screen(pilot, SecretDialog)
        await pilot.press("escape")
        assert await second is None


async def test_a_link_that_gives_up_takes_its_question_away(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        answer = asked(app)
        await until_screen(pilot, HostKeyDialog)
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)
        await until(pilot, lambda: not isinstance(app.screen, HostKeyDialog))


async def test_a_question_below_another_screen_goes_once_that_has_gone(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        page = app.screen
        answer = asked(app)
        await until_screen(pilot, HostKeyDialog)
        app.push_screen(HelpScreen("specs", {}, (SpecsScreen,)))
        await until_screen(pilot, HelpScreen)
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        await until_screen(pilot, type(page))


async def test_the_end_of_the_app_answers_nothing(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        answer = asked(app)
        await until_screen(pilot, HostKeyDialog)
    assert await answer is False


async def test_a_question_that_nobody_answers_counts_as_no_and_is_told(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.state.asker.HOST_KEY_SECONDS", 2.0)
    app = make_app()
    told: list[str] = []
    async with app.run_test() as pilot:
        app.asker = AppAsker(app, lambda: told.append("unanswered"))
        assert await asked(app) is False
        await until(pilot, lambda: not isinstance(app.screen, HostKeyDialog))
        assert told == ["unanswered"]
