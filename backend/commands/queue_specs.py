"""Queues the specs of one command: all of them or none.

Their orders are made twice, and few at a time are in memory: once to see which can be written, before the
queue is locked, and once to be queued.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from backend.config import Settings
from backend.console import say, warn
from backend.files.index import default_index
from backend.planning.admission import Places, require_writable
from backend.planning.box_planner import make_planner
from backend.planning.costs import cost_text, most_cost, token_cost
from backend.planning.orders import Batch, OrderMaker, same_shown_together
from backend.results.replaced import results_replaced_by, words_on_replaced
from backend.specs.media import Media
from backend.specs.misplaced_media import where_media_is
from backend.specs.model import Spec
from backend.store import Store
from backend.tokens import TextCounter
from backend.video import VideoIndex

T = TypeVar("T")

_Admitted = tuple[Spec, tuple[int, ...]]
"""A spec, and the candidates whose results can be written."""
_AT_ONCE = 1_000
"""How many orders are in memory."""
_MOST_NAMED = 10
"""How many specs with a misplaced video are named."""


def queue_specs(
    specs: Sequence[Spec], named: Sequence[Path], store: Store, batch: Batch, settings: Settings
) -> tuple[list[int], int]:
    """Queue what can be queued of these specs, and say what the user should know of it before.

    `named` are the paths that the user gave. Returns the numbers of the jobs, in sending order, and how many
    orders were refused.
    """
    require_writable(batch.save_dir)
    maker = OrderMaker(named, batch)
    admitted, refused = _admit(specs, maker, store, batch, settings)
    together = same_shown_together(admitted, lambda it: maker.shown(it[0]))
    numbers: list[int] = []
    with store.at_once():
        for portion in _portions(together, batch):
            orders = [maker.make(spec, each) for spec, candidates in portion for each in candidates]
            numbers += store.queue_unread(orders)
    return numbers, refused


def _admit(
    specs: Sequence[Spec], maker: OrderMaker, store: Store, batch: Batch, settings: Settings
) -> tuple[list[_Admitted], int]:
    """Return what can be queued, and how many orders cannot; tell why, and what the others come to."""
    places = Places(maker, batch, store, force=batch.force)
    admitted: list[_Admitted] = []
    reasons: dict[str, None] = {}
    refused = 0
    replaced: dict[int, None] = {}
    alike: dict[tuple[int, ...], tuple[int, ...]] = {}
    for portion in _portions(specs, batch):
        found = places.find(portion)
        for each in found.accepted:
            candidates = tuple(order.candidate for order in each.orders)
            admitted.append((each.spec, alike.setdefault(candidates, candidates)))
        refused += len(found.refused)
        reasons |= {it.reason: None for it in found.refused}
        replaced |= dict.fromkeys(results_replaced_by(store, found.orders))
    for reason in reasons:
        warn(reason)
    _warn_of_misplaced(specs, settings.upsampling.media)
    _tell_cost(admitted, settings, batch)
    if replaced:
        warn(words_on_replaced(tuple(replaced)))
    return admitted, refused


def _portions(items: Sequence[T], batch: Batch) -> Iterator[Sequence[T]]:
    """Divide specs, so that the orders of each part have room in memory."""
    size = max(1, _AT_ONCE // batch.candidates)
    return (items[first : first + size] for first in range(0, len(items), size))


def _warn_of_misplaced(specs: Sequence[Spec], media: Media) -> None:
    """Warn of specs whose video would be found from another folder. Their jobs will fail."""
    cwd = Path.cwd()
    places = ((spec, where_media_is(spec, media, cwd)) for spec in specs)
    for spec, place in itertools.islice((found for found in places if found[1]), _MOST_NAMED):
        warn(f"{spec.name}: a video does not exist; {place}")


def _tell_cost(admitted: Sequence[_Admitted], settings: Settings, batch: Batch) -> None:
    """Say what the batch costs at most, where its box has prices, before it is queued."""
    box = batch.box_settings
    if token_cost(box, 1, 1) is None or not admitted:
        return
    with closing(VideoIndex(default_index())) as videos:
        planner = make_planner(settings, TextCounter(), videos.probe, batch.box)
        plans = ((planner.plan_spec(spec), len(candidates)) for spec, candidates in admitted)
        cost = most_cost(plans, box)
    if cost is None:
        return
    say(f"This costs {cost.words}.")
    limit = box.openai.spend_limit
    if limit and cost.amount > limit:
        warn(
            f"{batch.box} stops when {cost_text(limit)} was spent in 24 hours (openai.spend_limit)"
        )
