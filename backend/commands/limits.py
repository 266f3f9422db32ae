"""`upsample limits`: count the tokens of sizes, find which fit a context length, and measure on a box."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn

from backend.box.asker import TerminalAsker
from backend.box.setup import make_box
from backend.commands.limits_tables import show_report
from backend.commands.progress_bar import Bar
from backend.config import Settings, Table, load_settings
from backend.console import say, warn, write_json
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.limits.calibration import make_calibration, measuring_folder, save_calibration
from backend.limits.estimates import LimitsLab
from backend.limits.measurement import Measurement
from backend.limits.measurement_run import MeasurementRun, MeasurementWatchers
from backend.limits.plot import draw_plot
from backend.limits.report import LimitsReport, make_report, report_json
from backend.limits.report_files import write_report
from backend.limits.sample_videos import draw_test_videos
from backend.limits.sampled_sizes import (
    CONTEXT_LENGTHS,
    FRAME_COUNTS,
    PROMPT,
    QUICK_FRAME_COUNTS,
    NamedSize,
    all_sizes,
    quick_sizes,
)
from backend.planning.box_counts import counts_of, describe_correction, forget_counts
from backend.planning.box_planner import make_planner
from backend.planning.plan import Planner
from backend.specs.quoting import printable
from backend.tokens import TextCounter

_QUIET_SECONDS = 5.0
"""The least seconds between two progress lines, which replace the bar when stderr is not a terminal."""


@dataclass(frozen=True, slots=True)
class LimitsOptions:
    """The options of `upsample limits`."""

    quick: bool
    measure: bool
    box: str | None
    output_dir: Path | None
    frames: tuple[int, ...]
    max_model_len: tuple[int, ...]
    prompt: str | None
    accept_host_key: str
    json: bool


def show_limits(options: LimitsOptions) -> ExitCode:
    """Draw the test videos, make the report (measured on the box with --measure), and print it."""
    settings = load_settings(_changes(options))
    sizes = quick_sizes() if options.quick else all_sizes()
    frame_counts = _frame_counts(options)
    counter = TextCounter()
    # A measurement is about the profile's own rules.
    own = options.measure
    planner = Planner(settings.upsampling, counter) if own else make_planner(settings, counter)
    prompt = PROMPT if options.prompt is None else options.prompt
    lab = LimitsLab(planner, prompt, _contexts(options, settings))
    name, box = settings.box_named(None)
    if options.measure and not box.sees:
        raise InputError(
            f"the box {name} has no model that sees, which could be measured: its engine is {box.answering}",
            "Name another one with --box; `upsample config show` lists them.",
        )
    screen = _Screen()
    with screen.bar:
        if options.output_dir is not None or not options.measure:  # --measure draws its own
            _draw_videos(sizes, options.output_dir, screen)
        measurement = None
        if options.measure:
            measurement = _measure(settings, lab, counter, sizes, frame_counts, options, screen)
        report = make_report(lab, sizes, frame_counts, box.vllm.max_num_seqs, measurement)
        files = []
        if options.output_dir is not None:
            screen.doing("writing the files")
            files = _write_files(report, options.output_dir)
    if options.json:
        write_json(report_json(report))
    else:
        show_report(report)
        if report.measured:
            _show_correction(settings, planner)
    for file in files:
        say(f"{file} is written.")
    as_reckoned = measurement is None or measurement.is_as_reckoned
    return ExitCode.OK if as_reckoned else ExitCode.SOME_FAILED


def forget_what_was_counted(box: str | None) -> ExitCode:
    """Forget what a box (None: the chosen one) has counted, and say whether anything was kept of it."""
    name, _ = load_settings().box_named(box)
    if forget_counts(name):
        say(f"What {name} has counted is forgotten; the profile alone gives the estimates.")
    else:
        say(f"Nothing is kept of what {name} has counted.")
    return ExitCode.OK


def _show_correction(settings: Settings, planner: Planner) -> None:
    """Say what corrects the profile's rules."""
    counts = counts_of(settings)
    has_system = bool(planner.system)
    family = planner.profile.family
    found = counts.correction(family, has_system=has_system) if counts else None
    if counts is not None and found is not None:
        words = describe_correction(found, family, has_system=has_system)
        requests = "request" if len(counts.counted) == 1 else f"{len(counts.counted)} requests"
        say(
            f"measured: {counts.box} has counted the {requests} by which the profile {planner.profile.name} "
            f"is corrected. {words}\n`upsample limits --forget --box {counts.box}` forgets that."
        )


def _write_files(report: LimitsReport, folder: Path) -> list[Path]:
    """Write the tables, and the picture where matplotlib is installed."""
    files = write_report(report, folder)
    try:
        files += draw_plot(report, folder)
    except ImportError:
        warn(
            "limits.svg and limits.png are not drawn: matplotlib is not installed. "
            "Install it: pip install matplotlib"
        )
    return files


def _changes(options: LimitsOptions) -> Table:
    # The report shows both estimates; the exact one decides what fits.
    changes: Table = {"upsampling": {"estimator": "exact", "send": "frames"}}
    return changes if options.box is None else changes | {"box": options.box}


def _frame_counts(options: LimitsOptions) -> tuple[int, ...]:
    for frames in options.frames:
        if frames < 1:
            raise InputError(f"{frames} frames cannot be sent", "Ask for 1 or more.")
    default = QUICK_FRAME_COUNTS if options.quick else FRAME_COUNTS
    return tuple(sorted(set(options.frames))) or default


def _contexts(options: LimitsOptions, settings: Settings) -> tuple[int, ...]:
    """Return the context lengths of --max-model-len, or else the usual ones and that of the settings."""
    for limit in options.max_model_len:
        if limit < 1:
            raise InputError(f"a context of {limit} tokens holds nothing", "Give 1 or more.")
    usual = {*CONTEXT_LENGTHS, settings.upsampling.max_tokens}
    return tuple(sorted(set(options.max_model_len) or usual))


def _draw_videos(sizes: Sequence[NamedSize], output_dir: Path | None, screen: _Screen) -> None:
    """Draw the test videos, which also shows that they can be read.

    They stay in the output folder, for tries elsewhere; without an output folder they are deleted.
    """
    with ExitStack() as stack:
        folder = output_dir / "videos" if output_dir else None
        if folder is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="upsample-limits-"))
            folder = Path(name)
        screen.doing("drawing test videos")
        drawn = draw_test_videos([named.size for named in sizes], folder)
        for count, _ in enumerate(drawn, 1):
            screen.progress(count, len(sizes))


def _measure(
    settings: Settings,
    lab: LimitsLab,
    counter: TextCounter,
    sizes: Sequence[NamedSize],
    frame_counts: Sequence[int],
    options: LimitsOptions,
    screen: _Screen,
) -> Measurement:
    name, box_settings = settings.box_named(None)
    most = settings.upsampling.most_frames
    served = [frames for frames in frame_counts if frames <= most]
    if len(served) < len(frame_counts):
        warn(
            f"the model is served with {most} pictures a request at most; more frames are not measured"
        )
    if not served:
        raise InputError(
            f"no number of frames that was asked for can be sent: {most} is the most",
            "Raise upsampling.frames_to_extract, or ask for fewer with --frames.",
        )
    box = make_box(name, box_settings, settings)
    folder = measuring_folder(name, box_settings.model, settings.profile.name)
    measuring = MeasurementRun(lab, counter, box, folder)
    if measuring.kept:
        say(f"Going on with an interrupted measurement: {measuring.kept} replies are there.")
    asker = TerminalAsker(options.accept_host_key, screen.bar.paused)
    watchers = MeasurementWatchers(screen.doing, screen.progress)
    try:
        measurement = asyncio.run(measuring.run(sizes, served, asker, watchers))
    except KeyboardInterrupt:
        say(f"Interrupted. {measuring.kept} replies are kept; the same command goes on with that.")
        raise
    calibration = make_calibration(measurement)
    if calibration.samples:
        file = save_calibration(calibration)
        say(f"{file} keeps what was measured; `estimate`, `fit` and the app show it.")
    shutil.rmtree(folder, ignore_errors=True)
    return measurement


class _Screen:
    """Shows the progress on stderr: a bar on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._said = 0.0
        self._doing = ""
        self.bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
        )
        self._task = self.bar.add_task("", total=None)

    def doing(self, text: str) -> None:
        """Show what is being done."""
        self._doing = text
        self.bar.update(self._task, description=printable(text))
        if self.bar.disable:
            say(f"… {text}")

    def progress(self, count: int, total: int) -> None:
        """Show that `count` of `total` steps are done."""
        self.bar.update(self._task, completed=count, total=total)
        now = time.monotonic()
        if self.bar.disable and now - self._said > _QUIET_SECONDS:
            self._said = now
            say(f"… {self._doing}: {count} of {total}")
