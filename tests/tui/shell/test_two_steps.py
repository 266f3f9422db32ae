"""The app draws its first specs before it reads the settings, and is whole soon after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from textual import events
from textual.screen import Screen

from backend.config import Settings
from backend.errors import ConfigError
from backend.specs.model import Spec
from tests.support.pilots import until
from tui.app import UpsampleApp
from tui.shell.desk import Desk
from tui.specs.screen import SpecsScreen
from tui.specs.spec_detail import SpecDetail
from tui.widgets.plain_text import PlainText

MakeApp = Callable[..., UpsampleApp]


class Filling:
    """Fills a desk when it is let."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.let = threading.Event()
        self.asked = 0
        self.error: ConfigError | None = None

    def __call__(self, desk: Desk) -> Desk:
        self.asked += 1
        self.let.wait(30)
        if self.error is not None:
            raise self.error
        return replace(desk, settings=self._settings, fill=None)


@pytest.fixture
def filling(settings: Settings) -> Iterator[Filling]:
    """However a test ends, no thread waits any longer."""
    made = Filling(settings)
    yield made
    made.let.set()


@pytest.fixture
def app(make_app: MakeApp, street: tuple[Spec, ...], filling: Filling) -> UpsampleApp:
    """An app without settings, whose specs are there at once."""
    desk = make_app(street).desk
    return UpsampleApp(replace(desk, settings=None, fill=filling))


def _page(app: UpsampleApp) -> SpecsScreen:
    (page,) = (one for one in app.screen_stack if isinstance(one, SpecsScreen))
    return page


async def test_specs_are_listed_before_the_settings_are_read(
    app: UpsampleApp, filling: Filling
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: filling.asked > 0)
        page = _page(app)
        assert page.listing.shown
        assert not page.query(SpecDetail)
        assert not app.is_whole
        filling.let.set()
        await until(pilot, lambda: bool(page.query(SpecDetail)))
        await until(pilot, lambda: page.listing.weighed == len(page.listing.rows))
        box = page.query_one("#box", PlainText)
        assert app.settings.box in str(box.content)
    assert (filling.asked, app.trouble) == (1, None)


async def test_keys_before_the_settings_are_read_wait_for_them(
    app: UpsampleApp, filling: Filling
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: filling.asked > 0)
        for key in ("slash", "f", "o", "g"):
            app.post_message(events.Key(key, key if len(key) == 1 else "/"))
        filling.let.set()
        page = _page(app)
        await until(pilot, lambda: page.filter_input.value == "fog")
        await until(pilot, lambda: len(page.listing.shown) == 1)


async def test_settings_that_cannot_be_read_end_the_app(app: UpsampleApp, filling: Filling) -> None:
    filling.error = ConfigError("there is no box 'x'", "Name another.")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: filling.asked > 0)
        app.post_message(events.Key("q", "q"))
        filling.let.set()
        await until(pilot, lambda: not app.is_running)
    assert app.trouble is filling.error


async def test_the_first_page_is_styled_once(
    app: UpsampleApp, filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[object] = []
    update = UpsampleApp.update_styles

    def note(self: UpsampleApp, node: Screen[object], animate: bool = True) -> None:
        if isinstance(node, Screen):
            whole.append(node)
        update(self, node, animate)

    monkeypatch.setattr(UpsampleApp, "update_styles", note)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: filling.asked > 0)
        assert _page(app).has_class("-wide", "-tall")
        assert whole == []
        filling.let.set()
        await until(pilot, lambda: app.is_whole)
