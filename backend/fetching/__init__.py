"""Fetches the media that specs name by an https address, where the user's own settings allow it.

Specs may be somebody else's, and so may be what answers at an address. `global_addresses` judges which
machines may be reached, `connection` connects to no others, `download` reads one answer within its limits,
and `fetcher` keeps what it holds if it is a video or a picture.
"""

from backend.fetching.connection import Network
from backend.fetching.fetcher import Fetcher

__all__ = ["Fetcher", "Network"]
