"""The commands of the palette: pages, the keys of the current page by their words, themes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from textual.app import App, SystemCommand
from textual.screen import Screen

from backend.config.places import user_file
from tui.text import one_line
from tui.themes import OFFERED


def list_commands(
    app: App[None], screen: Screen[object], pages: Sequence[str]
) -> Iterable[SystemCommand]:
    """Yield everything that can be done from this screen, in the order of the palette."""
    run = partial(_run, app, app)
    for number, page in enumerate(pages, start=1):
        yield SystemCommand(f"Go to {page}", f"Page {number}", partial(run, f"page('{page}')"))
    yield from _list_page_commands(app, screen)
    yield SystemCommand(
        "Doctor: the box that is used",
        "Look at all that a batch needs there",
        partial(run, "doctor"),
    )
    yield SystemCommand(
        "Open a folder", "List the specs of another file or folder", partial(run, "open_folder")
    )
    yield SystemCommand(
        "Try the demo specs", "Draw three clips, and list their specs", partial(run, "open_demo")
    )
    for words, theme in OFFERED.items():
        yield SystemCommand(
            f"Theme: {words}",
            "Remembered until you choose another",
            partial(run, f"use_theme('{theme}')"),
        )
    yield SystemCommand(
        "Theme: choose among all", "Textual's own list", partial(run, "change_theme")
    )
    yield SystemCommand("Suspend", "To the shell; fg comes back", partial(run, "suspend_process"))
    yield SystemCommand(
        "Quit", f"Settings are in {one_line(str(user_file()))}", partial(run, "quit")
    )


def _list_page_commands(app: App[None], screen: Screen[object]) -> Iterator[SystemCommand]:
    """Yield a command for each key of the page whose binding says what it does."""
    named = set[str]()
    for active in screen.active_bindings.values():
        binding = active.binding
        is_move = not binding.description or not active.enabled
        if is_move or active.node is app or binding.action in named:
            continue
        named.add(binding.action)
        yield SystemCommand(
            binding.description[:1].upper() + binding.description[1:],
            f"Key {app.get_key_display(binding)}",
            partial(_run, app, active.node, binding.action),
        )


def _run(app: App[None], node: object, action: str) -> None:
    """Do what the action's key would do."""
    app.call_later(app.run_action, action, node)
