"""The local queue: one SQLite file with the jobs, their states and the answers to them.

A job is one prompt to be upsampled once. It is queued before its frames are drawn. So it gets its number at
once, and its identity (the hash by which box and app know it) only when its request is made. Two jobs may
have the same identity: then one answer serves both.

Each module here holds one subject, a table or two with their queries; `Store` combines them.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from backend.store.job import Draw, Job, Order, State

if TYPE_CHECKING:
    from backend.store.attempts import Attempt
    from backend.store.box_news import NewsRow
    from backend.store.destinations import Due, wanted_since
    from backend.store.held_answers import answer_fingerprint
    from backend.store.salvage import SetAside
    from backend.store.schema import SCHEMA_VERSION
    from backend.store.tables import Store
    from backend.store.written import Written
else:
    # Whoever shows jobs need not import what opens and reads the file: the app's first paint does not wait.
    _LATER = {
        "Attempt": "attempts",
        "NewsRow": "box_news",
        "Due": "destinations",
        "wanted_since": "destinations",
        "answer_fingerprint": "held_answers",
        "SetAside": "salvage",
        "SCHEMA_VERSION": "schema",
        "Store": "tables",
        "Written": "written",
    }

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__} has no attribute {name}")
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


__all__ = [
    "SCHEMA_VERSION",
    "Attempt",
    "Draw",
    "Due",
    "Job",
    "NewsRow",
    "Order",
    "SetAside",
    "State",
    "Store",
    "Written",
    "answer_fingerprint",
    "default_path",
    "wanted_since",
]


def default_path() -> Path:
    """Return the path of the queue's file."""
    return platformdirs.user_data_path("upsample") / "queue.db"
