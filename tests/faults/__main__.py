"""`make faults N=1000 SEED=1`: batches through the real program, faults at random, and what they came to."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

from tests.faults.campaign import Campaign
from tests.faults.cluster import ClusterCampaign
from tests.faults.fleet import FleetCampaign
from tests.faults.handed_over import compare
from tests.faults.soak import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="faults to inject")
    parser.add_argument("--seed", type=int, default=None, help="of an earlier run")
    parser.add_argument("--fields", type=int, default=2, help="batches side by side")
    parser.add_argument("--folder", type=Path, default=Path("build/faults"))
    parser.add_argument(
        "--only", default="", help="only kinds with one of these in their names: link,app"
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="do not stop at the first violation"
    )
    parser.add_argument("--soak", type=int, default=0, help="so many jobs in one batch instead")
    parser.add_argument("--seconds", type=float, default=10.0, help="between two faults of a soak")
    parser.add_argument(
        "--hand-over", type=int, default=0, help="so many jobs, handed over or not, instead"
    )
    parser.add_argument("--laps", type=int, default=1, help="of --hand-over")
    parser.add_argument(
        "--engine",
        choices=["", "ray", "fleet"],
        default="",
        help="a Ray cluster whose parts die and freeze, or two boxes that share each batch",
    )
    told = parser.parse_args()
    seed = random.randrange(1 << 31) if told.seed is None else told.seed
    if told.soak:
        return asyncio.run(
            _interruptible(soak(told.soak, seed, told.seconds, told.folder.resolve(), say))
        )
    if told.hand_over:
        comparing = compare(told.hand_over, told.laps, seed, told.folder.resolve(), say)
        return asyncio.run(_interruptible(comparing))
    if told.engine == "fleet":
        on_fleet = FleetCampaign(told.count, seed, told.folder.resolve(), say)
        return asyncio.run(_interruptible(on_fleet.run()))
    if told.engine:
        on_cluster = ClusterCampaign(told.count, seed, told.folder.resolve(), say)
        return asyncio.run(_interruptible(on_cluster.run()))
    campaign = Campaign(
        told.count, seed, told.folder.resolve(), fields=told.fields, only=told.only,
        keep_going=told.keep_going, say=say,
    )  # fmt: skip
    return asyncio.run(_interruptible(campaign.run()))


async def _interruptible(work: Coroutine[None, None, int]) -> int:
    """However it is ended: no process and no mount is left. A run in the background hears no Ctrl-C."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return 130


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
