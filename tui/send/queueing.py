"""Puts the jobs of a summary into the queue. No widgets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from backend.planning.admission import require_writable
from backend.planning.summary import Summary
from backend.store import State
from tui.state.live import Live
from tui.text import one_line
from tui.widgets.amounts import counted

if TYPE_CHECKING:
    from backend.dispatch.runner import QueueRunner


async def queue_orders(runner: QueueRunner, live: Live, summary: Summary) -> str:
    """Queue the orders of the summary, and say in a sentence how many jobs that are. Raises UpsampleError."""
    for folder in {order.destination.parent for order in summary.orders}:
        await asyncio.to_thread(require_writable, folder)
    jobs = await runner.queue(summary.orders)
    live.take_up(jobs)
    done = sum(job.state is State.DONE for job in jobs)
    going = len(jobs) - done
    told = []
    if going:
        told.append(f"{counted(going, 'job')} queued on {one_line(summary.box)}; 2 shows the queue")
    if done:
        told.append(f"{counted(done, 'job')} {'was' if done == 1 else 'were'} done already")
    return ", ".join(told)
