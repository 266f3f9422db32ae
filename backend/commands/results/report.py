"""`upsample results --html FILE`, `--csv FILE` and `--parquet FILE`: tell of all results in one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from backend.commands.progress_bar import Bar
from backend.commands.queue import open_user_queue
from backend.commands.results.export import exists_already, unwritable
from backend.console import say, warn, write_json, write_line
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.files import writing_whole
from backend.results.report.from_folder import report_of_folder
from backend.results.report.from_queue import report_of_queue
from backend.results.report.page import write_page
from backend.results.report.reported import Reported
from backend.results.report.result_table import (
    require_parquet,
    write_csv_table,
    write_parquet_table,
)

_QUIET_SECONDS = 10.0
"""The least seconds between two progress lines, which replace the bar when stderr is not a terminal."""


class ReportFiles(NamedTuple):
    """The files that are asked for."""

    html: Path | None
    csv: Path | None
    parquet: Path | None


def write_reports(
    place: Path | None, wanted: ReportFiles, *, undecided: bool, force: bool, as_json: bool
) -> ExitCode:
    """Write these files about the results below `place`, or about the queue's where it is None.

    Raises InputError and ResultError before anything is written.
    """
    files = [file for file in wanted if file is not None]
    for file in files:
        if file.exists() and not force:
            raise exists_already(file)
    if wanted.parquet is not None:
        require_parquet()
    reported = _collect(place, undecided=undecided)
    for trouble in reported.troubles:
        warn(trouble)
    if wanted.html is not None:
        with _Progress(len(reported.prompts)) as progress:
            _write(wanted.html, lambda file: _page(file, reported, place, progress.done))
    if wanted.csv is not None:
        _write(wanted.csv, lambda file: write_csv_table(file, reported))
    if wanted.parquet is not None:
        _write(wanted.parquet, lambda file: write_parquet_table(file, reported))
    _tell(files, reported, as_json=as_json)
    return ExitCode.SOME_FAILED if reported.troubles else ExitCode.OK


def _collect(place: Path | None, *, undecided: bool) -> Reported:
    if place is None:
        with open_user_queue() as store:
            return report_of_queue(store, undecided=undecided)
    if undecided:
        raise InputError(
            f"the files in {place} do not tell what is undecided",
            "Leave out the folder, or --undecided.",
        )
    if not place.exists():
        raise InputError(
            f"there is no {place}",
            "Name the folder of the results, as in `results outputs --html …`.",
        )
    return report_of_folder(place)


def _page(
    file: BinaryIO, reported: Reported, place: Path | None, done: Callable[[int], None]
) -> None:
    title = "Upsampled prompts" if place is None else f"Upsampled prompts in {place.resolve().name}"
    write_page(file, reported, title, datetime.now().astimezone(), done)


def _write(path: Path, write: Callable[[BinaryIO], None]) -> None:
    try:
        with writing_whole(path) as file:
            write(file)
    except OSError as error:
        raise unwritable(path, error) from error


def _tell(files: list[Path], reported: Reported, *, as_json: bool) -> None:
    results, prompts = len(reported.results), len(reported.prompts)
    for file in files:
        if as_json:
            write_json({"file": str(file), "prompts": prompts, "results": results})
        else:
            write_line(str(file))
    told = "1 result" if results == 1 else f"{results:,} results"
    say(
        f"{told} of {prompts:,} {'prompt' if prompts == 1 else 'prompts'}."
        if results
        else "There are no results yet."
    )


class _Progress:
    """Shows on stderr how many prompts are on the page: a bar on a terminal, else a line now and then."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._said = time.monotonic()
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
        )
        self._task = self._bar.add_task("writing the page", total=total)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def done(self, count: int) -> None:
        """Show that so many prompts are done."""
        self._bar.update(self._task, completed=count)
        now = time.monotonic()
        if self._bar.disable and now - self._said > _QUIET_SECONDS:
            self._said = now
            say(f"… writing the page: {count:,} of {self._total:,} prompts")
