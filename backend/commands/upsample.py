"""`upsample --no-ui`: upsample the prompts of specs without the app."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from backend.announcing import Announcer, BatchWatch
from backend.box.asker import TerminalAsker
from backend.box.idle_model import kept_models
from backend.box.links.link import Box
from backend.commands.batch_report import BatchReport
from backend.commands.dry_run import show_plans
from backend.commands.filter_specs import keep_matching
from backend.commands.queue import open_user_queue
from backend.commands.queue_specs import queue_specs
from backend.commands.upsample_options import UpsampleOptions
from backend.config import BoxSettings, EngineName, Settings
from backend.console import say, to_terminal, warn
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.fleet import FleetMember
from backend.dispatch.runs.box_set_up import BoxSetUp
from backend.dispatch.runs.run_fleet import FleetBox, run_fleet
from backend.dispatch.runs.run_or_follow import run_or_follow
from backend.errors import InputError, UpsampleError
from backend.events import Event, JobStarted
from backend.exit_codes import ExitCode
from backend.fetching import Fetcher
from backend.files.without_links import resolve_folder
from backend.planning.admission import (
    Ground,
    choose_usable,
    refuse_json_of_sketch,
)
from backend.planning.clips import refuse_clip_on
from backend.planning.mixed_fleet import refuse_mixed, shared_upsampling
from backend.planning.orders import GREATEST_SEED, MOST_CANDIDATES, Batch
from backend.results.review import waiting_for_review
from backend.results.undelivered import undelivered_jobs
from backend.specs.model import Scan, Spec
from backend.specs.scan import scan
from backend.specs.tables.columns import parse_columns
from backend.standard_streams import working
from backend.store import State, Store, default_path
from backend.store.stored_jobs import StoredJobs

_TAKES_IT = " (--include-upsampled takes it all the same)"
_MOST_NAMED = 10
"""How many skipped files are named; the others are only counted."""


def upsample_batch(options: UpsampleOptions) -> ExitCode:
    """Upsample the prompts of the given paths, or go on with the queue when none is given."""
    if not options.paths:
        _refuse_ignored(options)
    settings = options.load_settings()
    fleet = settings.fleet
    found = scan(options.paths, Path.cwd(), parse_columns(options.columns))
    if options.filter:
        found = keep_matching(found, options.filter, settings, next(iter(fleet)))
    batch = _make_batch(options, settings)
    if options.dry_run:
        specs = _choose_for_dry_run(found, options, batch)
        return show_plans(
            specs,
            found,
            settings,
            batch,
            as_json=options.json,
            exact=options.exact,
            fingerprint=options.accept_host_key,
        )
    if options.paths:
        is_named = options.save_dir is not None
        folder = resolve_folder(options.results_folder, Path.cwd(), named=is_named)
        batch = replace(batch, save_dir=folder)
    with open_user_queue() as store:
        if options.paths:
            specs, broken = _choose_specs(found, store, options, batch), len(found.broken)
            del found
            numbers, refused = queue_specs(specs, options.paths, store, batch, settings)
            del specs  # 100,000 take their room, and nobody needs them any more
            report = BatchReport(as_json=options.json, refused=refused + broken)
        else:
            numbers, report = _numbers_left(store, fleet), BatchReport(as_json=options.json)
        jobs = StoredJobs(store, numbers)
        wanted = {name: set[str]() for name in fleet}
        for job in jobs:
            for name in fleet.keys() & set(job.boxes):
                wanted[name].add(job.settings)
        set_ups = {name: BoxSetUp.make(name, wanted[name], settings, store) for name in fleet}
        report.expect(jobs, {name: set_up.pace for name, set_up in set_ups.items()})
        return _work(store, jobs, set_ups, options, report, settings)


def _numbers_left(store: Store, fleet: Mapping[str, BoxSettings]) -> list[int]:
    """Return the numbers of the jobs with which a run on these boxes goes on."""
    numbers: list[int] = []
    for box in fleet:
        numbers += store.numbers_to_do(box)
        numbers += [job.number for job in undelivered_jobs(store, box)]
    untaken = store.untaken_jobs()
    return numbers + [it.number for it in untaken if not fleet.keys().isdisjoint(it.boxes)]


def _refuse_ignored(options: UpsampleOptions) -> None:
    """Raise InputError for options that would change nothing.

    Queued jobs keep the options that they were queued with.
    """
    ignored = [
        name
        for name, is_given in {
            "--save-dir": options.save_dir is not None,
            "--num-frames": options.num_frames is not None,
            "--max-resolution": options.max_resolution is not None,
            "--resize": options.wanted_resize is not None,
            "--media": options.media is not None,
            "--filter": options.filter,
            "--columns": options.columns,
            "--ignore-budget": options.ignore_budget,
            "--candidates": options.candidates != 1,
            "--seed": options.seed != 0,
            "--review": options.review,
            "--include-upsampled": options.include_upsampled,
            "--mixed": options.mixed,
        }.items()
        if is_given
    ]
    if ignored:
        raise InputError(
            f"{' and '.join(ignored)} cannot change what is queued already",
            "Name the specs, to queue them with that, or leave it out, to go on with the queue.",
        )
    if options.dry_run:
        raise InputError(
            "--dry-run shows what would be sent for specs, and none are named",
            "Name files or folders; `upsample queue list` shows what is queued already.",
        )


def _work(
    store: Store,
    jobs: StoredJobs,
    boxes: Mapping[str, BoxSetUp],
    options: UpsampleOptions,
    report: BatchReport,
    settings: Settings,
) -> ExitCode:
    if not jobs:
        names = " or ".join(boxes)
        say("Nothing could be queued." if options.paths else f"Nothing is left to do on {names}.")
        paused = len(store.in_states([State.PAUSED]))
        if paused:
            say(f"Paused: {paused:,}. `upsample queue resume --all` lets them go on.")
        others = {*store.boxes_with_work(), *(job.box for job in undelivered_jobs(store))}
        for other in sorted(others - boxes.keys()):
            say(f"There is work left on {other}: upsample --no-ui --box {other}")
        return report.exit_code
    asker = TerminalAsker(options.accept_host_key, report.bar.paused)

    def make_dispatcher(
        box: Box, watch: Callable[[Event], None], member: FleetMember | None = None
    ) -> Dispatcher:
        hands_over = member is None and settings.queue.ahead.hands_over(box.host)
        return Dispatcher(
            store,
            box,
            asker,
            watch,
            force=options.force,
            alone=member is None,
            hand_over=hands_over,
            fetcher=Fetcher() if settings.specs.fetch_media else None,
            member=member,
        )

    def run(watch: Callable[[Event], None]) -> Coroutine[None, None, None]:
        made = {
            name: FleetBox(partial(make_dispatcher, set_up.box), set_up.pace)
            for name, set_up in boxes.items()
        }
        give_up_after = settings.queue.give_up_after
        if len(made) > 1 or store.has_fleet_jobs(jobs.numbers):
            return run_fleet(store, jobs, watch, made, give_up_after)
        (set_up,) = boxes.values()
        dispatcher = partial(make_dispatcher, set_up.box)
        return run_or_follow(store, jobs, watch, dispatcher, give_up_after)

    return asyncio.run(_run_jobs(store, jobs, run, report, settings))


async def _run_jobs(
    store: Store,
    jobs: StoredJobs,
    run: Callable[[Callable[[Event], None]], Coroutine[None, None, None]],
    report: BatchReport,
    settings: Settings,
) -> ExitCode:
    """Run the jobs, or follow the process that holds the lock while it runs them. Prints how they ended."""
    batch, stopped = BatchWatch(settings.announce.after), ""

    begun: set[int] = set()

    def hear(event: Event) -> None:
        if isinstance(event, JobStarted):
            begun.add(event.job)
        batch.hear(event)
        report.hear(event)

    try:
        with working(), report.bar:
            await run(hear)
    except asyncio.CancelledError:
        # Ctrl-C. All that must be kept is on a disk already.
        report.interrupted = True
    except UpsampleError as error:
        stopped = error.problem
        raise
    finally:
        report.conclude(jobs)
        if not report.interrupted:
            for kept in kept_models(jobs, begun, settings.boxes):
                say(kept)
        waiting = len(waiting_for_review(store).intersection(jobs.numbers))
        if waiting:
            wait = "1 result waits" if waiting == 1 else f"{waiting:,} results wait"
            say(f"{wait} for a review: `upsample results`, or key 4 of the app.")
        if not report.interrupted and (sentence := batch.end(stopped)):
            announcer = Announcer(settings.announce, to_terminal, os.environ)
            if trouble := await announcer.announce(sentence):
                warn(trouble)
    return report.exit_code


def _check_engine(
    options: UpsampleOptions, settings: Settings, box: str, engine: EngineName
) -> None:
    """Refuse what the engine of a box cannot answer. A dry run only warns of it."""
    is_sketch = engine is EngineName.SKETCH
    if is_sketch and options.num_gpu is not None:
        warn(f"the engine of {box} (sketch) uses no GPU; --num-gpu changes nothing")
    try:
        if options.paths:
            refuse_clip_on(settings.upsampling, engine, box)
        if options.paths and is_sketch:
            refuse_json_of_sketch(settings.profile, box)
    except InputError as error:
        if not options.dry_run:
            raise
        warn(str(error))


def _make_batch(options: UpsampleOptions, settings: Settings) -> Batch:
    fleet = settings.fleet
    name, box = next(iter(fleet.items()))
    if len(fleet) > 1 and options.paths and not options.mixed:
        refuse_mixed(settings)
    if not 0 <= options.seed <= GREATEST_SEED:
        raise InputError(f"--seed {options.seed} is no seed", f"Use 0 to {GREATEST_SEED:,}.")
    if not 1 <= options.candidates <= MOST_CANDIDATES:
        raise InputError(
            f"--candidates {options.candidates} cannot be", f"Ask for 1 to {MOST_CANDIDATES}."
        )
    for each, its in fleet.items():
        _check_engine(options, settings, each, its.answering)
    return Batch(
        box=name,
        box_settings=box,
        settings=shared_upsampling(settings),
        save_dir=options.results_folder,
        candidates=options.candidates,
        seed=options.seed,
        force=options.force,
        review=options.review,
        include_upsampled=options.include_upsampled,
        upsampled_words=settings.specs.upsampled_words,
        follows_server=all(map(settings.follows_server_on, fleet)),
        fleet=fleet if len(fleet) > 1 else {},
    )


def _choose_for_dry_run(found: Scan, options: UpsampleOptions, batch: Batch) -> list[Spec]:
    if not default_path().exists():
        return _choose_specs(found, None, options, batch)  # a dry run creates no files
    with open_user_queue() as store:
        return _choose_specs(found, store, options, batch)


def _choose_specs(
    found: Scan, store: Store | None, options: UpsampleOptions, batch: Batch
) -> list[Spec]:
    """Return the specs to upsample, and warn of each skipped file with the reason.

    There may be none where all that was found is left alone: prompt specs, and files in a folder. Raises
    InputError where nothing was found, and where a file that is named is no prompt spec.
    """
    for broken in found.broken:
        warn(str(broken))
    specs, left_alone = choose_usable(found.specs, store, batch, force=options.force)
    skipped = {skip.file: skip.reason for skip in found.skipped}
    skipped |= {
        refused.spec.file: refused.reason
        + (_TAKES_IT if refused.ground is Ground.UPSAMPLED else "")
        for refused in left_alone
    }
    for file, reason in itertools.islice(skipped.items(), _MOST_NAMED):
        warn(f"{file}: skipped, {reason}")
    if len(skipped) > _MOST_NAMED:
        warn(f"… and {len(skipped) - _MOST_NAMED} more files were skipped")
    is_left_alone = bool(left_alone) or any(
        skip.entry is not None or skip.file not in options.paths for skip in found.skipped
    )
    if options.paths and not specs and (found.broken or not is_left_alone):
        named = ", ".join(str(path) for path in options.paths)
        raise InputError(f"nothing to upsample: no usable prompt spec in {named}")
    return specs
