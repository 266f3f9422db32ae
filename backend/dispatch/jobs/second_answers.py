"""Keeps the answer of a second box to a job that was given to another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backend.events import AnsweredTwice, Event
from backend.store import Job, Store


async def keep_second_answer(
    store: Store, watch: Callable[[Event], None], job: Job, box: str, identity: str
) -> None:
    """Keep the stored answer of this box to the request with this identity as a candidate, and say so."""
    kept = await asyncio.to_thread(store.keep_second_answer, job.number, box, identity)
    if kept is not None:
        watch(AnsweredTwice(job.number, job.name, box, kept))
