"""The words about how to undo what was done to files, for the page and its dialogs."""

from __future__ import annotations

from tui.widgets.own_keys import key_of


def undo_hint() -> str:
    """Say how what was done to files is undone."""
    return f"{key_of('specs.undo-what-was-done-to-files')} undoes it"
