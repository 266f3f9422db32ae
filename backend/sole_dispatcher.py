"""One dispatcher at a time: two would send the same jobs and write the same files."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from backend.errors import QueueTaken
from backend.store import Store


@contextlib.contextmanager
def sole_dispatcher(store: Store) -> Iterator[None]:
    """The right to work on the queue. Raises QueueTaken when another process has it."""
    path = store.path.with_suffix(".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode() or "unknown"
            raise QueueTaken(
                f"another upsample (process {holder}) is working on the queue",
                "Wait until it is done, or end it: what it has not done stays queued.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)
