"""Text for the clipboard, over SSH too where the terminal lets it (OSC 52)."""

from __future__ import annotations

from textual.app import App

from backend.specs.quoting import well_formed, without_controls


def copy(app: App[None], text: str) -> None:
    """Copy `text` without what could steer the terminal that it is pasted into.

    An escape in it could end a bracketed paste, and what follows would be run.
    """
    app.copy_to_clipboard(well_formed(without_controls(text)))
