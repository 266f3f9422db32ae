"""The local queue: which jobs there are, how each stands, and what came back. One SQLite file.

A job is one prompt to be upsampled once. It is queued before its frames are drawn, so it has a number
at once, and its identity (the hash that box and app know it by) only when its request is made. Two jobs
can turn out to have one identity: they are answered by one result.

Each subject has a file of its own here, a table or two and what is asked of them; `Store` is all of them.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

from backend.store.answers import Answers
from backend.store.attempts import Attempt
from backend.store.destinations import Destinations, wanted_since
from backend.store.job import Job, Order, State
from backend.store.salvage import SetAside
from backend.store.schema import SCHEMA_VERSION
from backend.store.written import Written, WrittenFiles

__all__ = [
    "SCHEMA_VERSION",
    "Attempt",
    "Job",
    "Order",
    "SetAside",
    "State",
    "Store",
    "Written",
    "default_path",
    "wanted_since",
]


def default_path() -> Path:
    """Where the queue is kept."""
    return platformdirs.user_data_path("upsample") / "queue.db"


class Store(Answers, Destinations, WrittenFiles):
    """The open queue. Every method blocks for about a millisecond; threads may share it.

    Raises QueueError where the file cannot be used.
    """
