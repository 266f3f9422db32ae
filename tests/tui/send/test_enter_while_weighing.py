"""Enter in the dialog that sends prompts, while these are still weighed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import cast

import pytest
from textual.pilot import Pilot

from backend.planning.summary import Summary
from backend.specs.model import Spec
from backend.store import Store
from tests.support.pilots import until, until_screen
from tests.tui.send.queued_apps import text_of, with_queue
from tui.app import UpsampleApp
from tui.send.dialog import UpsampleDialog
from tui.send.draft import weigh
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]


@pytest.fixture
def scales(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Nothing is weighed to its end until this is set."""
    go_on, really_weigh = Event(), cast("Callable[..., Summary]", weigh)

    def weigh_later(*args: object) -> Summary:
        summary = really_weigh(*args)
        assert go_on.wait(30)
        return summary

    monkeypatch.setattr("tui.send.dialog.weigh", weigh_later)
    yield go_on
    go_on.set()


@asynccontextmanager
async def opened(
    app: UpsampleApp, settle: Settle, folder: Path, *marks: str
) -> AsyncIterator[tuple[Pilot[None], UpsampleDialog, Store]]:
    async with app.run_test(size=(80, 24)) as pilot, with_queue(app, folder) as store:
        await settle(pilot)
        await pilot.press(*marks, "u")
        yield pilot, await until_screen(pilot, UpsampleDialog), store


async def test_enter_is_kept_until_the_prompts_are_weighed(
    make_app: MakeApp,
    settle: Settle,
    street: tuple[Spec, ...],
    tmp_path: Path,
    scales: Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(make_app(street), settle, tmp_path, "space") as (pilot, dialog, store):
        await pilot.press("tab", "backspace", "2", "enter")
        assert "sent as soon as" in text_of(dialog, "#summary")
        scales.set()
        await until(pilot, lambda: bool(store.jobs()))
        assert [job.name for job in store.jobs()] == ["golden_hour"] * 2


async def test_a_change_and_escape_take_enter_back(
    make_app: MakeApp, settle: Settle, street: tuple[Spec, ...], tmp_path: Path, scales: Event
) -> None:
    async with opened(make_app(street), settle, tmp_path, "space") as (pilot, dialog, store):
        await pilot.press("enter", "tab", "backspace", "3")
        assert "sent as soon as" not in text_of(dialog, "#summary")
        scales.set()
        await until(pilot, lambda: dialog.summary is not None)
        assert pilot.app.screen is dialog
        scales.clear()
        await pilot.press("backspace", "2", "enter", "escape")
        await until(pilot, lambda: pilot.app.screen is not dialog)
        scales.set()
        await pilot.pause()
        assert (store.jobs(), list(pilot.app._notifications)) == ([], [])


async def test_what_is_not_all_that_was_chosen_is_seen_before_it_is_sent(
    make_app: MakeApp, settle: Settle, street: tuple[Spec, ...], tmp_path: Path, scales: Event
) -> None:
    async with opened(make_app(street), settle, tmp_path, "a") as (pilot, dialog, store):
        await pilot.press("enter")
        scales.set()
        await until(pilot, lambda: dialog.summary is not None)
        await pilot.pause()
        assert pilot.app.screen is dialog
        assert [told.message for told in pilot.app._notifications] == [
            "Not sent yet: see what it comes to. ⏎ sends that."
        ]
        await pilot.press("enter")
        await until(pilot, lambda: bool(store.jobs()))
