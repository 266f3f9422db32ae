"""Opens the user's queue for a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from backend.console import warn
from backend.store import Store, default_path


@contextmanager
def open_user_queue() -> Iterator[Store]:
    """Open the queue, and close it at the end. Warns when a damaged file was set aside. Raises QueueError."""
    with closing(Store(default_path())) as store:
        if store.set_aside is not None:
            warn(store.set_aside.describe())
        yield store
