"""The local queue: one SQLite file with the jobs, their states and the answers to them.

A job is one prompt to be upsampled once. It is queued before its frames are drawn. So it gets its number at
once, and its identity (the hash by which box and app know it) only when its request is made. Two jobs may
have the same identity: then one answer serves both.

Each module here holds one subject, a table or two with their queries; `Store` combines them.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

from backend.store.answers import Answers
from backend.store.attempts import Attempt
from backend.store.box_news import BoxNews, NewsRow
from backend.store.destinations import Destinations, Due, wanted_since
from backend.store.fleet_jobs import FleetJobs
from backend.store.held_answers import answer_fingerprint
from backend.store.job import Draw, Job, Order, State
from backend.store.ratings import Ratings
from backend.store.salvage import SetAside
from backend.store.schema import SCHEMA_VERSION
from backend.store.written import Written, WrittenFiles

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


class Store(Answers, FleetJobs, Destinations, WrittenFiles, BoxNews, Ratings):
    """The open queue. Each method blocks for about a millisecond; threads may share an instance.

    Each method raises QueueError when the file cannot be used.
    """
