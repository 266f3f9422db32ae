"""The options of the upsample dialog, the batch that they describe, and how it is queued. No widgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from backend.config import ALL_BOXES, Ahead, EngineName, Fit, Settings
from backend.errors import InputError
from backend.files.without_links import resolve_folder
from backend.planning.admission import assess, refuse_json_of_sketch, require_writable
from backend.planning.clips import refuse_clip_on
from backend.planning.mixed_fleet import mixed_words, refuse_mixed, shared_upsampling
from backend.planning.orders import GREATEST_SEED, MOST_CANDIDATES, Batch
from backend.planning.pace import measured_pace, together
from backend.planning.plan import Plan, Planner
from backend.planning.summary import Summary, summarise
from backend.results import DEFAULT_SAVE_DIR
from backend.results.replaced import results_replaced_by
from backend.sizes import Bound
from backend.specs.model import Spec
from backend.store import State, Store
from tui.specs.planning import PromptPlanner
from tui.state.live import Live
from tui.text import one_line
from tui.widgets.amounts import counted

if TYPE_CHECKING:
    from backend.dispatch.runs.runner import QueueRunner

MOST_FRAMES = 64
TELL_EVERY = 0.1
"""Seconds between two reports of progress."""
RESIZES = ("auto", "safe", "off")


@dataclass(frozen=True, slots=True)
class SendOptions:
    """The fields of the dialog as they are filled in."""

    box: str
    candidates: str
    seed: str
    frames: str
    resize: str
    """One of RESIZES."""
    max_resolution: str
    save_dir: str
    review: bool
    """Whether results wait until they are accepted."""
    force: bool
    ahead: Ahead
    """How many of the jobs the box is given ahead of time."""
    mixed: bool = False
    """Whether boxes share the batch although they would answer differently."""


@dataclass(frozen=True, slots=True)
class ToSend:
    """The orders that the user wants to be queued."""

    summary: Summary
    ahead: Ahead
    """How many of the jobs the box is given ahead of time."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A spec that the user wants to upsample."""

    spec: Spec
    plan: Plan | None
    """Its plan under the settings of the app; None when it is not made yet."""


def first_options(settings: Settings, save_dir: Path) -> SendOptions:
    """Return the options that the dialog begins with."""
    own = settings.upsampling
    return SendOptions(
        box=",".join(settings.chosen),
        candidates="1",
        seed="0",
        frames=str(own.frames_to_extract),
        resize=own.resize,
        max_resolution=own.max_upsample_resolution,
        save_dir=str(save_dir),
        review=False,
        force=False,
        ahead=settings.queue.ahead,
    )


def box_choices(settings: Settings) -> list[str]:
    """Return what the dialog offers for the box: each one, the chosen fleet, and all that have a host."""
    choices = sorted(settings.boxes)
    if len(settings.chosen) > 1:
        choices.append(",".join(settings.chosen))
    if sum(bool(box.host) for box in settings.boxes.values()) > 1:
        choices.append(ALL_BOXES)
    return choices


def is_mixed(options: SendOptions, settings: Settings) -> bool:
    """Return whether the chosen boxes would answer differently. Raises ConfigError."""
    return bool(mixed_words(settings, settings.fleet_named(options.box)))


def make_batch(options: SendOptions, settings: Settings, cwd: Path) -> Batch:
    """Return the batch that the options describe. Raises InputError and ConfigError when an option is
    wrong, and LinkError when the default folder for results leads out of `cwd`.
    """
    fleet = settings.fleet_named(options.box)
    name, box = next(iter(fleet.items()))
    if not options.mixed:
        refuse_mixed(settings, fleet)
    wanted: dict[str, object] = {
        "frames_to_extract": _number(options.frames, "frames", 1, MOST_FRAMES),
        "max_upsample_resolution": str(Bound.parse(options.max_resolution.strip())),
        "auto_resize": options.resize != "off",
        "fit": Fit.SAFE if options.resize == "safe" else Fit.LARGEST,
    }
    if not options.save_dir.strip():
        raise InputError("the results need a folder", "Type one after `results in`.")
    own = shared_upsampling(settings, fleet)
    if box.answering is EngineName.SKETCH:
        refuse_json_of_sketch(settings.profile, name)
    refuse_clip_on(own, box.answering, name)
    # What is left as it was stays what each profile says, where the profile is chosen by format.
    changes = {key: value for key, value in wanted.items() if value != getattr(own, key)}
    typed = Path(options.save_dir.strip()).expanduser()
    return Batch(
        box=name,
        box_settings=box,
        settings=own.changed(changes),
        save_dir=resolve_folder(typed, cwd, named=typed != DEFAULT_SAVE_DIR),
        candidates=_number(options.candidates, "candidates", 1, MOST_CANDIDATES),
        seed=_number(options.seed, "seed", 0, GREATEST_SEED),
        force=options.force,
        review=options.review,
        upsampled_words=settings.specs.upsampled_words,
        follows_server=all(map(settings.follows_server_on, fleet)),
        fleet=fleet if len(fleet) > 1 else {},
    )


def weigh(
    chosen: Sequence[Chosen],
    named: Sequence[Path],
    batch: Batch,
    settings: Settings,
    make_planner: Callable[[Settings], PromptPlanner],
    store: Store,
    tell: Callable[[int], object],
) -> Summary:
    """Plan the specs and return what would be queued. Blocks; `tell` hears now and then how many are
    planned.
    """
    specs = [each.spec for each in chosen]
    assessment = assess(specs, named, batch, store, force=batch.force)
    plans = {id(each.spec): each.plan for each in chosen}
    planner = make_planner(
        settings.model_copy(update={"box": batch.box, "upsampling": batch.settings})
    )
    same = batch.settings == settings.upsampling
    told = monotonic()

    def plan(spec: Spec) -> Plan:
        known = plans[id(spec)]
        if known is not None and isinstance(planner, Planner):
            return planner.plan_anew(known)  # what is known of the video stays true
        return known if known is not None and same else planner.plan_spec(spec)

    def weighed(count: int) -> None:
        nonlocal told
        if monotonic() - told > TELL_EVERY:
            told = monotonic()
            tell(count)

    fleet = batch.fleet or {batch.box: batch.box_settings}
    pace = together(measured_pace(store, name, box) for name, box in fleet.items())
    summary = summarise(assessment, plan, batch, pace, weighed)
    return replace(summary, replaced=tuple(results_replaced_by(store, summary.orders)))


async def queue_orders(runner: QueueRunner, live: Live, to_send: ToSend) -> str:
    """Queue the orders, and say in a sentence how many jobs that are. Raises UpsampleError."""
    summary = to_send.summary
    for folder in {order.destination.parent for order in summary.orders}:
        await asyncio.to_thread(require_writable, folder)
    jobs = await runner.queue(summary.orders, to_send.ahead)
    live.take_up(jobs)
    done = sum(job.state is State.DONE for job in jobs)
    going = len(jobs) - done
    told = []
    if going:
        told.append(f"{counted(going, 'job')} queued on {one_line(summary.box)}; 2 shows the queue")
    if done:
        told.append(f"{counted(done, 'job')} {'was' if done == 1 else 'were'} done already")
    return ", ".join(told)


def _number(text: str, what: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not least <= value <= most:
        raise InputError(
            f"{what}: {one_line(text) or 'nothing'} is no number from {least} to {most:,}"
        )
    return value
