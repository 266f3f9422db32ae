"""A file in the user's editor, while the app steps aside."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path

from textual.app import App, SuspendNotSupported

from tui.harmless import one_line

UNSET = "No editor is set: export EDITOR=vim (or nano, or another one), and start upsample again."


def editor_command(editor: str | None, file: Path) -> list[str] | None:
    """The command line that opens `file`; None when no editor is set. Raises ValueError for a bad quote."""
    words = shlex.split(editor or "")
    # -- is not understood by every editor; an absolute path is never taken for an option.
    return [*words, str(file.absolute())] if words else None


async def edit_file(app: App[None], file: Path) -> None:
    """Hand the terminal to $VISUAL or $EDITOR until it ends. What goes wrong is told."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    try:
        command = editor_command(editor, file)
        if command is None:
            app.notify(UNSET, severity="warning", markup=False)
            return
        # Nothing is drawn meanwhile; but the queue goes on.
        with app.suspend(), app.batch_update():
            process = await asyncio.create_subprocess_exec(*command)
            code = await process.wait()
    except SuspendNotSupported:
        app.notify("This terminal cannot be handed to an editor.", severity="warning", markup=False)
    except (OSError, ValueError) as error:
        text = f"The editor {one_line(str(editor))} cannot be started: {one_line(str(error))}"
        app.notify(text, severity="error", markup=False)
    else:
        if code:
            app.notify(f"The editor ended with {code}.", severity="warning", markup=False)
