"""The user's queue, opened for a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from backend.console import warn
from backend.store import Store, default_path


@contextmanager
def open_user_queue() -> Iterator[Store]:
    """The open queue; says so when it was damaged and had to be set aside. Raises QueueError."""
    with closing(Store(default_path())) as store:
        if store.set_aside is not None:
            warn(store.set_aside.describe())
        yield store
