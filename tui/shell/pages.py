"""The pages by name. Each is imported when it is first shown, so that the specs need not wait for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tui.shell.desk import Desk

if TYPE_CHECKING:
    from tui.widgets.page import Page


def _specs(desk: Desk) -> Page:
    from tui.specs.screen import SpecsScreen

    return SpecsScreen(desk)


def _queue(desk: Desk) -> Page:
    from tui.queue.screen import QueuePage

    return QueuePage(desk)


def _log(desk: Desk) -> Page:
    from tui.log.screen import LogPage

    return LogPage(desk)


def _review(desk: Desk) -> Page:
    from tui.review.screen import ReviewPage

    return ReviewPage(desk)


def _settings(desk: Desk) -> Page:
    from tui.settings.screen import SettingsPage

    return SettingsPage(desk)


PAGES: Mapping[str, Callable[[Desk], Page]] = {
    "specs": _specs,
    "queue": _queue,
    "log": _log,
    "review": _review,
    "settings": _settings,
}
