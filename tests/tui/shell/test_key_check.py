"""Keys of the user's own: their names, clashes, and that they do what the shipped ones did."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import ConfigError
from tests.support.pilots import until_screen
from tui.app import UpsampleApp
from tui.dialogs.help import HelpScreen
from tui.queue.screen import QueuePage
from tui.shell.desk import Desk
from tui.shell.key_check import make_keymap, named_bindings
from tui.specs.scanning import SpecSource
from tui.widgets.plain_text import PlainText

ROOT = Path(__file__).parents[3]


def test_each_name_stands_for_one_action_of_its_place() -> None:
    names = Counter(binding.id for binding in named_bindings(UpsampleApp))
    assert names.most_common(1)[0][1] == 1
    actions = {binding.id: binding.action for binding in named_bindings(UpsampleApp)}
    assert actions["review.next-lint"] == "lint(1)"
    assert actions["specs.send"] == "upsample"


def test_the_page_about_keys_has_all_of_them_as_they_are() -> None:
    said, place = {}, ""
    for line in (ROOT / "docs" / "keys.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## .*`\[keys\.(\w+)\]`", line):
            place = heading[1]
        if row := re.match(r"\| `([\w-]+)` \| `(.+)` \|", line):
            said[f"{place}.{row[1]}"] = row[2]
    assert said == {binding.id: binding.key for binding in named_bindings(UpsampleApp)}


def test_without_keys_of_ones_own_nothing_is_looked_at() -> None:
    assert make_keymap({}, UpsampleApp) == {}
    assert make_keymap({"review": {}}, UpsampleApp) == {}


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        (
            {"review": {"acept": "a"}},
            r"keys\.review\.acept: no key has that name.*\n.*review\.accept,",
        ),
        (
            {"rewiev": {"accept": "a"}},
            r"no key has that name\n.*begin with one of app, lists, log,",
        ),
        (
            {"review": {"accept": "x"}},
            r"keys\.review\.accept: x is the key of review\.reject already",
        ),
        ({"queue": {"cancel": "q"}}, r"q is the key of app\.quit already"),
        ({"specs": {"send": "?"}}, r"question_mark is the key of specs\.help already"),
        ({"queue": {"cancel": "z", "pause": "z"}}, r"z is the key of queue\.pause already"),
        ({"outline": {"fold": "z"}}, r"z is the key of outline\.fold-or-unfold-all already"),
        ({"outline": {"fold": "x"}}, r"x is the key of (review|specs)\."),
        ({"review": {"compare": "z"}}, r"z is the key of outline\.fold-or-unfold-all already"),
    ],
)
def test_what_cannot_be_is_told_with_its_remedy(
    own: dict[str, dict[str, str]], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        make_keymap(own, UpsampleApp)


def test_two_keys_can_change_their_places() -> None:
    swapped = {"review": {"accept": "x", "reject": "y,enter"}}
    assert make_keymap(swapped, UpsampleApp)["review.reject"] == "y,enter"


def test_an_outline_may_have_a_key_of_what_it_shares_keys_with_as_shipped() -> None:
    """The arrows fold folders in the list of specs, too, and space marks there."""
    own = {
        "specs": {"fold": "h", "unfold": "w", "mark": "m"},
        "outline": {"fold": "h", "unfold": "w", "fold-or-unfold": "m"},
    }
    with pytest.raises(ConfigError, match=r"outline\.fold-or-unfold: m is the key of review\.note"):
        make_keymap(own, UpsampleApp)
    own["review"] = {"note": "M"}
    assert make_keymap(own, UpsampleApp)["outline.fold"] == "h"


async def test_a_key_of_ones_own_works_and_is_shown_in_texts_and_the_help(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path
) -> None:
    own = {"app": {"queue": "ctrl+o", "specs": "f6"}, "queue": {"cancel": "ctrl+x"}}
    keymap = make_keymap(own, UpsampleApp)
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    app = UpsampleApp(replace(desk, keymap=keymap))
    async with app.run_test() as pilot:
        await pilot.press("ctrl+o")
        page = await until_screen(pilot, QueuePage)
        assert "f6 goes to the specs" in str(page.query_one("#empty", PlainText).render())
        await pilot.press("question_mark")
        screen = await until_screen(pilot, HelpScreen)
        assert "ctrl+x" in str(screen.query_one(PlainText).render())


async def test_a_theme_of_ones_own_is_offered_and_a_wrong_one_is_told(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path
) -> None:
    (tmp_path / "dusk.toml").write_text('primary = "#cc8844"\naccent = "gold"\n')
    (tmp_path / "wrong.toml").write_text('primary = "no colour at all"\n')
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    app = UpsampleApp(replace(desk, themes=tmp_path))
    async with app.run_test():
        assert app.available_themes["dusk"].primary == "#cc8844"
        assert "wrong" not in app.available_themes
        (told,) = [one.message for one in app._notifications]
        assert "wrong.toml is no theme: primary" in told
