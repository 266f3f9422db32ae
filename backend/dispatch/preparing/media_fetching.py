"""Fetches the media of a job that stand at addresses, for as long as the job is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backend.addresses import address_of
from backend.fetching import Fetcher
from backend.store import Job

_LOOK_EVERY = 0.2
"""Seconds between two looks whether the job is still wanted."""


async def fetch_media(fetcher: Fetcher | None, job: Job, is_wanted: Callable[[int], bool]) -> bool:
    """Fetch the media of a job that are addresses; returns whether the job is still wanted then.

    Raises MediaError. Without a fetcher, nothing is fetched. A download that nobody wants any more, because
    its job was cancelled or paused, is given up.
    """
    paths = [path for path in (job.video, *job.controls) if path and address_of(path)]
    if fetcher is None:
        return True
    for path in paths:
        fetching = asyncio.create_task(fetcher.fetch(path))
        try:
            while not (await asyncio.wait([fetching], timeout=_LOOK_EVERY))[0]:
                if not is_wanted(job.number):
                    return False
            fetching.result()
        finally:
            fetching.cancel()
            await asyncio.wait([fetching])
    return True
