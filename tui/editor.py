"""The user's editor, while the app steps aside."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TypeVar

from textual.app import App, SuspendNotSupported

from backend.config.editor import editor_command
from backend.errors import UpsampleError
from tui.harmless import paragraphs

T = TypeVar("T")


async def lend_terminal(app: App[None], edit: Callable[[list[str]], T]) -> T | None:
    """What `edit`, in a thread, makes of the editor's command line; trouble is told, and None comes back."""
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
