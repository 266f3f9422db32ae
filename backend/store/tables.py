"""Combines all tables of the queue to the store."""

from __future__ import annotations

from backend.store.answers import Answers
from backend.store.box_news import BoxNews
from backend.store.destinations import Destinations
from backend.store.fleet_jobs import FleetJobs
from backend.store.ratings import Ratings
from backend.store.written import WrittenFiles


class Store(Answers, FleetJobs, Destinations, WrittenFiles, BoxNews, Ratings):
    """The open queue. Each method blocks for about a millisecond; threads may share an instance.

    Each method raises QueueError when the file cannot be used.
    """
