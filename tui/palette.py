"""What the command palette offers: pages, the keys of the current page by their words, themes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from backend.config import user_file
from tui.pages import PAGES
from tui.text import one_line
from tui.themes import OFFERED

if TYPE_CHECKING:
    from tui.app import UpsampleApp


def commands(app: UpsampleApp, screen: Screen[object]) -> Iterable[SystemCommand]:
    """Everything that can be done from here."""
    for number, page in enumerate(PAGES, start=1):
        yield SystemCommand(f"Go to {page}", f"Page {number}", partial(app.action_page, page))
    yield from _of_page(app, screen)
    yield SystemCommand(
        "Doctor: the box that is used", "Look at all that a batch needs there", app.open_doctor
    )
    yield SystemCommand(
        "Open a folder", "List the specs of another file or folder", app.ask_for_folder
    )
    yield SystemCommand(
        "Try the demo specs", "Draw three clips, and list their specs", app.open_demo
    )
    for words, theme in OFFERED.items():
        yield SystemCommand(
            f"Theme: {words}", "Remembered until you choose another", partial(app.use_theme, theme)
        )
    yield SystemCommand("Theme: choose among all", "Textual's own list", app.action_change_theme)
    yield SystemCommand("Suspend", "To the shell; fg comes back", app.action_suspend_process)
    yield SystemCommand("Quit", f"Settings are in {one_line(str(user_file()))}", app.action_quit)


def _of_page(app: UpsampleApp, screen: Screen[object]) -> Iterator[SystemCommand]:
    """Whatever has a key here and says what it does."""
    named = set[str]()
    for active in screen.active_bindings.values():
        binding = active.binding
        is_move = not binding.description or not active.enabled
        if is_move or active.node is app or binding.action in named:
            continue
        named.add(binding.action)
        yield SystemCommand(
            _sentence(binding),
            f"Key {_key(app, binding)}",
            partial(_run, app, active.node, binding),
        )


def _sentence(binding: Binding) -> str:
    return binding.description[:1].upper() + binding.description[1:]


def _key(app: UpsampleApp, binding: Binding) -> str:
    return app.get_key_display(binding)


def _run(app: UpsampleApp, node: object, binding: Binding) -> None:
    """As its key would."""
    app.call_later(app.run_action, binding.action, node)
