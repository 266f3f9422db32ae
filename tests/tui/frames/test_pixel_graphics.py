"""Pictures in pixels where textual-image is installed and the terminal can; else in half-blocks."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual_image import renderable, widget

from backend.config import Settings
from backend.sizes import Size
from backend.tokens import TextCounter
from backend.video.thumbnails import Thumbnail
from tests.support.pilots import until
from tests.tui.conftest import Settle
from tests.tui.specs.detail_apps import (
    colourful,
    draw_clips,
    make_detail_app,
    make_specs,
    settle_pictures,
)
from tui.app import UpsampleApp
from tui.frames.pixel_graphics import PixelGraphics, find_pixel_graphics

RED = Thumbnail(Size(2, 2), b"\xff\x00\x00" * 4)


class Terminal(io.StringIO):
    """What stdin is in a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdin__", Terminal())


@pytest.mark.usefixtures("in_a_terminal")
@pytest.mark.parametrize("kind", ["SixelImage", "TGPImage"])
def test_a_terminal_that_can_gets_pixels(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(renderable, "Image", getattr(renderable, kind))
    monkeypatch.setattr(widget, "Image", getattr(widget, kind))
    found = find_pixel_graphics()
    assert found is not None
    made = found.make_widget(RED)
    assert isinstance(made, getattr(widget, kind))
    assert made.image.getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.usefixtures("in_a_terminal")
@pytest.mark.parametrize("kind", ["HalfcellImage", "UnicodeImage"])
def test_other_terminals_get_half_blocks(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(renderable, "Image", getattr(renderable, kind))
    assert find_pixel_graphics() is None


@pytest.mark.usefixtures("in_a_terminal")
def test_without_textual_image_there_are_half_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "textual_image", None)
    assert find_pixel_graphics() is None


def test_where_nobody_answers_the_terminal_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdin__", io.StringIO())
    monkeypatch.setattr(renderable, "Image", renderable.SixelImage)
    assert find_pixel_graphics() is None


@pytest.fixture
def app(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[PixelGraphics], UpsampleApp]:
    """Makes the app on real clips, for a terminal with these graphics."""
    monkeypatch.chdir(tmp_path)
    colourful(monkeypatch.setenv)
    draw_clips()

    def make(graphics: PixelGraphics) -> UpsampleApp:
        made = make_detail_app(settings, TextCounter(), make_specs())
        return UpsampleApp(replace(made.desk, graphics=graphics))

    return make


async def test_pictures_are_read_in_the_terminals_pixels_and_stand_below_their_labels(
    app: Callable[[PixelGraphics], UpsampleApp], settle: Settle
) -> None:
    read: list[Size] = []

    def make(picture: Thumbnail) -> widget.SixelImage:
        read.append(picture.size)
        return widget.SixelImage(None)

    async with app(PixelGraphics(make, Size(10, 20))).run_test(size=(200, 50)) as pilot:
        view = await settle_pictures(pilot, await settle(pilot))
        await until(pilot, lambda: len(view.query(widget.SixelImage)) == 2)
        first, second = view.query(widget.SixelImage)
        await until(pilot, lambda: bool(first.region.width and second.region.width))
        assert first.region.y == view.region.y + 1
        assert second.region.x == first.region.x
        assert second.region.y == first.region.bottom + 1  # the label stands between them
        columns, lines = first.region.size
        assert read[-1].width == pytest.approx(columns * 10, abs=20)
        assert read[-1].height == pytest.approx(lines * 20, abs=20)
        assert "▀" not in "".join(view.render_line(y).text for y in range(view.size.height))
        await pilot.press("down", "down")
        await until(pilot, lambda: not view.query(widget.SixelImage))
