"""The pages by name. Each is imported when it is first shown: the specs do not wait for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tui.desk import Desk

if TYPE_CHECKING:
    from tui.screens.page import Page


def _specs(desk: Desk) -> Page:
    from tui.screens.specs import SpecsScreen

    return SpecsScreen(desk)


def _queue(desk: Desk) -> Page:
    from tui.screens.queue import QueuePage

    return QueuePage(desk)


def _log(desk: Desk) -> Page:
    from tui.screens.log import LogPage

    return LogPage(desk)


def _review(desk: Desk) -> Page:
    from tui.screens.review import ReviewPage

    return ReviewPage(desk)


def _settings(desk: Desk) -> Page:
    from tui.screens.settings import SettingsPage

    return SettingsPage(desk)


PAGES: Mapping[str, Callable[[Desk], Page]] = {
    "specs": _specs,
    "queue": _queue,
    "log": _log,
    "review": _review,
    "settings": _settings,
}
