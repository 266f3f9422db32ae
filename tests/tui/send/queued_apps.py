"""The app with a queue to send prompts to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from textual.widgets import Static

from backend.box.asker import UnattendedAsker
from backend.dispatch.runs.runner import QueueRunner
from backend.store import Store
from tui.app import UpsampleApp
from tui.send.dialog import UpsampleDialog


def text_of(dialog: UpsampleDialog, selector: str) -> str:
    return str(dialog.query_one(selector, Static).render())


@asynccontextmanager
async def with_queue(app: UpsampleApp, folder: Path) -> AsyncIterator[Store]:
    """A real queue that nobody works on."""
    with closing(Store(folder / "queue.db")) as store:
        app.store = store
        app.runner = QueueRunner(store, lambda: app.settings, UnattendedAsker(), app.hear)
        yield store
