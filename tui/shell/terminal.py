"""The user's terminal: it takes text for the clipboard, and is lent to the user's editor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TypeVar

from textual.app import App, SuspendNotSupported

from backend.config.external_editor import editor_command
from backend.errors import UpsampleError
from backend.specs.quoting import without_controls
from remote.protocol import well_formed
from tui.text import paragraphs

T = TypeVar("T")


async def lend_terminal(app: App[None], edit: Callable[[list[str]], T]) -> T | None:
    """Step aside while `edit` runs the editor in a thread, and return its result. On an error, tell the
    user and return None.
    """
    try:
        command = editor_command(os.environ)
        # Nothing is drawn meanwhile; but the queue goes on.
        with app.suspend(), app.batch_update():
            return await asyncio.to_thread(edit, command)
    except SuspendNotSupported:
        text = "This terminal cannot be lent to an editor."
        app.notify(text, severity="error", markup=False)
    except UpsampleError as error:
        app.notify(paragraphs(str(error)), title="Not edited", severity="error", markup=False)
    return None


def copy(app: App[None], text: str) -> None:
    """Copy `text` without what could steer the terminal that it is pasted into.

    An escape in it could end a bracketed paste, and what follows would be run.
    """
    app.copy_to_clipboard(well_formed(without_controls(text)))
