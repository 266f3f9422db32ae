"""The help reads which keys do what from the bindings."""

from __future__ import annotations

import pytest
from textual.dom import DOMNode

from tui.app import UpsampleApp
from tui.dialogs.keys import EVERYWHERE, HelpRow, spell_keys
from tui.log.screen import LogPage
from tui.queue.screen import QueuePage
from tui.review.screen import ReviewPage
from tui.settings.screen import SettingsPage
from tui.specs.screen import SpecsScreen
from tui.widgets.page import Page


@pytest.mark.parametrize("page", [SpecsScreen, QueuePage, LogPage, ReviewPage, SettingsPage])
def test_each_row_of_the_help_names_keys_that_are_bound(page: type[Page]) -> None:
    owners: list[type[DOMNode]] = [page, page.LIST, *page.panes(), UpsampleApp]
    rows = [row for rows in {**page.HELP_GROUPS, **EVERYWHERE}.values() for row in rows]
    assert all(spell_keys(row, owners) for row in rows)


def test_each_mention_of_an_action_stands_for_its_next_key() -> None:
    owners = (QueuePage, QueuePage.LIST)
    first = "arrange('up') arrange('down')"
    assert spell_keys(HelpRow("", first), owners) == "K J"
    assert spell_keys(HelpRow("", f"{first} {first}"), owners) == "K J < >"


def test_a_row_about_a_key_that_is_not_bound_is_a_defect() -> None:
    with pytest.raises(IndexError):
        spell_keys(HelpRow("", "fly"), (QueuePage,))
