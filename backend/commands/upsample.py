"""`upsample --no-ui`: specs in, upsampled prompts out. And the door to the app."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from backend.box.link import Box
from backend.commands.dry_run import show_plans
from backend.commands.report import Report
from backend.config import BoxSettings, Settings, Table, load_settings
from backend.console import say, warn
from backend.dispatch import Dispatcher, sole_dispatcher
from backend.errors import ConfigError, InputError, ResultError
from backend.exit_codes import ExitCode
from backend.orders import Batch, make_jobs
from backend.results import check_destination
from backend.specs.model import Scan, Spec
from backend.specs.scan import scan
from backend.store import Job, NewJob, Store, default_path
from backend.terminal_asker import TerminalAsker
from remote.protocol import Setup

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
    resize: str | None
    num_gpu: int | None
    candidates: int
    seed: int
    force: bool
    accept_host_key: str
    dry_run: bool
    json: bool

    def settings(self) -> Settings:
        """The settings with what this command line changes. Raises ConfigError."""
        upsampling: Table = {
            key: value
            for key, value in {
                "frames_to_extract": self.num_frames,
                "max_upsample_resolution": self.max_resolution,
            }.items()
            if value is not None
        }
        if self.resize is not None:
            upsampling["auto_resize"] = self.resize != "off"
            upsampling["fit"] = "safe" if self.resize == "safe" else "largest"
        changes: Table = {"upsampling": upsampling}
        if self.num_gpu is not None:
            changes["box_defaults"] = {"vllm": {"tensor_parallel_size": self.num_gpu}}
        return load_settings(changes)


def open_app(options: Options) -> ExitCode:
    """Open the terminal app on the given paths.

    The app is found by its entry point: it builds on this package, so nothing here may import it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the app needs a terminal", "Use --no-ui to upsample without it.")
    for entry_point in entry_points(group="upsample.front_ends", name="terminal"):
        entry_point.load()(options.settings(), options.paths)
        return ExitCode.OK
    raise ConfigError("the terminal app is not installed", "Install cosmos-upsample again.")


def upsample_batch(options: Options) -> ExitCode:
    """Upsample the prompts of the given paths, or go on with the queue when none is given."""
    settings = options.settings()
    box_name, box_settings = settings.box_named(options.box)
    found = scan(options.paths, Path.cwd())
    specs = _usable(found, options)
    if options.dry_run:
        return show_plans(specs, found, settings, as_json=options.json)
    batch = _batch(options, settings, box_name, box_settings)
    box = _box(box_name, box_settings)
    store = Store(default_path())
    try:
        with sole_dispatcher(store):
            if not options.paths:
                return _work(store, store.unended(box_name), box, options, Report())
            _require_writable(options.save_dir)
            orders = make_jobs(specs, options.paths, batch)
            kept = list(_writable(store, orders, options))
            report = Report(
                as_json=options.json, refused=len(orders) - len(kept) + len(found.broken)
            )
            return _work(store, store.queue(kept), box, options, report)
    finally:
        store.close()


def _work(
    store: Store, jobs: Sequence[Job], box: Box, options: Options, report: Report
) -> ExitCode:
    if not jobs:
        say("Nothing is left to do." if not options.paths else "Nothing could be queued.")
        return report.exit_code
    report.expect(jobs)
    return asyncio.run(_dispatch(store, jobs, box, options, report))


async def _dispatch(
    store: Store, jobs: Sequence[Job], box: Box, options: Options, report: Report
) -> ExitCode:
    with report.shown():
        asker = TerminalAsker(options.accept_host_key, report.paused)
        dispatcher = Dispatcher(store, box, asker, report.hear, force=options.force)
        try:
            await dispatcher.run(jobs)
        except asyncio.CancelledError:
            # Ctrl-C. Everything that counts is on a disk already.
            report.interrupted = True
    report.conclude(store.jobs(job.number for job in jobs))
    return report.exit_code


def _batch(options: Options, settings: Settings, name: str, box: BoxSettings) -> Batch:
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
    )


def _box(name: str, settings: BoxSettings) -> Box:
    setup = Setup(settings.root, settings.engine, settings.model, settings.idle_timeout)
    return Box(name, settings.host, setup)


def _usable(found: Scan, options: Options) -> list[Spec]:
    """The specs to upsample; says what is passed over, and why."""
    for broken in found.broken:
        warn(str(broken))
    for skipped in found.skipped[:_MOST_NAMED]:
        warn(f"{skipped.file}: skipped, {skipped.reason}")
    if len(found.skipped) > _MOST_NAMED:
        warn(f"… and {len(found.skipped) - _MOST_NAMED} more files that are no prompt specs")
    upsampled = [spec for spec in found.specs if spec.is_upsampled and not options.force]
    for spec in upsampled:
        warn(
            f"{spec.file}: skipped, it says that its prompt is upsampled already (--force does it again)"
        )
    specs = [spec for spec in found.specs if spec not in upsampled]
    if options.paths and not specs:
        named = ", ".join(str(path) for path in options.paths)
        raise InputError(f"nothing to upsample: no usable prompt spec in {named}")
    return specs


def _require_writable(folder: Path) -> None:
    """Find out before the work and not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ResultError(
            f"the folder for results, {folder}, cannot be written: {error.strerror}",
            "Choose another --save-dir.",
        ) from error


def _writable(store: Store, orders: Sequence[NewJob], options: Options) -> Iterator[NewJob]:
    """The orders whose result may go where it should; says why the others may not."""
    refused: set[Path] = set()
    for order in orders:
        if order.destination in refused:
            continue
        try:
            check_destination(store, order.destination, order.file, force=options.force)
        except ResultError as error:
            refused.add(order.destination)
            warn(str(error))
        else:
            yield order
