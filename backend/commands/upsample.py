"""`upsample --no-ui`: specs in, upsampled prompts out. And the door to the app."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from backend.batch import choose_usable, find_places, require_writable
from backend.box.link import Box
from backend.boxes import make_box
from backend.commands.dry_run import show_plans
from backend.commands.filtered import keep_matching
from backend.commands.report import Report
from backend.config import BoxSettings, Settings, Table, load_settings
from backend.console import say, warn
from backend.dispatch import Dispatcher
from backend.errors import ConfigError, InputError
from backend.exit_codes import ExitCode
from backend.orders import GREATEST_SEED, Batch, same_frames_together
from backend.review import waiting_for_review
from backend.sole_dispatcher import sole_dispatcher
from backend.specs.model import Scan, Spec
from backend.specs.scan import scan
from backend.store import Job, Store, default_path
from backend.terminal_asker import TerminalAsker

DEFAULT_SAVE_DIR = Path("outputs")
_MOST_NAMED = 10
"""Skipped files that are named one by one."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of `upsample`."""

    paths: Sequence[Path]
    save_dir: Path
    box: str | None
    num_frames: int | None
    max_resolution: str | None
    media: str | None
    resize: str | None
    ignore_budget: bool
    num_gpu: int | None
    candidates: int
    seed: int
    force: bool
    accept_host_key: str
    dry_run: bool
    json: bool
    filter: str = ""
    review: bool = False

    def settings(self) -> Settings:
        """The settings with what this command line changes. Raises ConfigError."""
        return load_settings(self.changes())

    def changes(self) -> Table:
        """What this command line changes. Raises ConfigError."""
        upsampling: Table = {
            key: value
            for key, value in {
                "frames_to_extract": self.num_frames,
                "max_upsample_resolution": self.max_resolution,
                "media": self.media,
            }.items()
            if value is not None
        }
        if self.resize is not None:
            upsampling["auto_resize"] = self.resize != "off"
            upsampling["fit"] = "safe" if self.resize == "safe" else "largest"
        if self.ignore_budget:
            upsampling["enforce_budget"] = False
        changes: Table = {"upsampling": upsampling}
        if self.num_gpu is None:
            return changes
        # The box's own table wins over [box_defaults], and the command line over both.
        name, _ = load_settings(changes).box_named(self.box)
        vllm: Table = {"tensor_parallel_size": self.num_gpu}
        return changes | {"boxes": {name: {"vllm": vllm}}}


def open_app(options: Options) -> ExitCode:
    """Open the terminal app on the given paths.

    The app is found by its entry point: it builds on this package, so nothing here may import it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the app needs a terminal", "Use --no-ui to upsample without it.")
    for entry_point in entry_points(group="upsample.front_ends", name="terminal"):
        entry_point.load()(
            options.settings(),
            options.paths,
            options.settings,
            save_dir=options.save_dir,
            changes=options.changes,
        )
        return ExitCode.OK
    raise ConfigError("the terminal app is not installed", "Install cosmos-upsample again.")


def upsample_batch(options: Options) -> ExitCode:
    """Upsample the prompts of the given paths, or go on with the queue when none is given."""
    if not options.paths:
        _refuse_ignored(options)
    settings = options.settings()
    box_name, box_settings = settings.box_named(options.box)
    found = scan(options.paths, Path.cwd())
    if options.filter:
        found = keep_matching(found, options.filter, settings)
    batch = _batch(options, settings, box_name, box_settings)
    if options.dry_run:
        specs = _usable_in_dry_run(found, options)
        return show_plans(specs, found, settings, as_json=options.json)
    with closing(Store(default_path())) as store:
        specs = _usable(found, store, options)
        with sole_dispatcher(store):
            if not options.paths:
                report = Report(as_json=options.json)
                left = store.unended(box_name) + _undelivered(store, box_name)
                box = make_box(box_name, box_settings, settings, left)
                return _work(store, left, box, options, report)
            require_writable(options.save_dir)
            placed = find_places(specs, options.paths, batch, store, force=options.force)
            for reason in {refused.reason: None for refused in placed.refused}:
                warn(reason)
            report = Report(as_json=options.json, refused=len(placed.refused) + len(found.broken))
            jobs = store.queue(same_frames_together(placed.orders))
            box = make_box(box_name, box_settings, settings, jobs)
            return _work(store, jobs, box, options, report)


def _refuse_ignored(options: Options) -> None:
    """Jobs that were queued keep what they were queued with, so nobody may believe to have changed it."""
    ignored = [
        name
        for name, is_given in {
            "--save-dir": options.save_dir != DEFAULT_SAVE_DIR,
            "--num-frames": options.num_frames is not None,
            "--max-resolution": options.max_resolution is not None,
            "--resize": options.resize is not None,
            "--candidates": options.candidates != 1,
            "--seed": options.seed != 0,
            "--review": options.review,
        }.items()
        if is_given
    ]
    if ignored:
        raise InputError(
            f"{' and '.join(ignored)} cannot change what is queued already",
            "Name the specs, to queue them with that, or leave it out, to go on with the queue.",
        )


def _undelivered(store: Store, box: str) -> list[Job]:
    """Jobs whose result never became a file, because an earlier run was ended between the two."""
    return [job for job in store.never_written(box) if not job.destination.exists()]


def _work(
    store: Store, jobs: Sequence[Job], box: Box, options: Options, report: Report
) -> ExitCode:
    if not jobs:
        say(
            "Nothing could be queued." if options.paths else f"Nothing is left to do on {box.name}."
        )
        for other in sorted({job.box for job in store.unended()}):
            say(f"There is work left on {other}: upsample --no-ui --box {other}")
        return report.exit_code
    report.expect(jobs)
    return asyncio.run(_dispatch(store, jobs, box, options, report))


async def _dispatch(
    store: Store, jobs: Sequence[Job], box: Box, options: Options, report: Report
) -> ExitCode:
    asker = TerminalAsker(options.accept_host_key, report.paused)
    dispatcher = Dispatcher(store, box, asker, report.hear, force=options.force)
    try:
        with report.shown():
            await dispatcher.run(jobs)
    except asyncio.CancelledError:
        # Ctrl-C. Everything that counts is on a disk already.
        report.interrupted = True
    finally:
        report.conclude(store.jobs(job.number for job in jobs))
        waiting = len(waiting_for_review(store) & {job.number for job in jobs})
        if waiting:
            wait = "1 result waits" if waiting == 1 else f"{waiting:,} results wait"
            say(f"{wait} for a review: `upsample results`, or key 4 of the app.")
    return report.exit_code


def _batch(options: Options, settings: Settings, name: str, box: BoxSettings) -> Batch:
    if not 0 <= options.seed <= GREATEST_SEED:
        raise InputError(f"--seed {options.seed} is no seed", f"Use 0 to {GREATEST_SEED:,}.")
    if options.candidates < 1:
        raise InputError(
            f"--candidates {options.candidates} asks for nothing", "Ask for 1 or more."
        )
    if options.num_gpu is not None and box.engine == "sketch":
        warn(f"the engine of {name} (sketch) uses no GPU; --num-gpu changes nothing")
    return Batch(
        box=name,
        box_settings=box,
        settings=settings.upsampling,
        save_dir=options.save_dir,
        candidates=options.candidates,
        seed=options.seed,
        force=options.force,
        review=options.review,
    )


def _usable_in_dry_run(found: Scan, options: Options) -> list[Spec]:
    if not default_path().exists():
        return _usable(found, None, options)  # a dry run makes nothing, not even a queue
    with closing(Store(default_path())) as store:
        return _usable(found, store, options)


def _usable(found: Scan, store: Store | None, options: Options) -> list[Spec]:
    """The specs to upsample; says what is passed over, and why."""
    for broken in found.broken:
        warn(str(broken))
    specs, upsampled = choose_usable(found.specs, store, force=options.force)
    skipped = {skip.file: skip.reason for skip in found.skipped}
    skipped |= {
        refused.spec.file: f"{refused.reason} (--force takes it all the same)"
        for refused in upsampled
    }
    for file, reason in itertools.islice(skipped.items(), _MOST_NAMED):
        warn(f"{file}: skipped, {reason}")
    if len(skipped) > _MOST_NAMED:
        warn(f"… and {len(skipped) - _MOST_NAMED} more files were skipped")
    if options.paths and not specs:
        named = ", ".join(str(path) for path in options.paths)
        raise InputError(f"nothing to upsample: no usable prompt spec in {named}")
    return specs
