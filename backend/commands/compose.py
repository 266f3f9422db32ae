"""`upsample compose`: make specs of prompts, clips and styles; and undo it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from backend.commands.progress_bar import Bar
from backend.compose.composition import Composition, NewSpec, left_alone
from backend.compose.making import Made, make
from backend.compose.record import latest_record, undo
from backend.compose.request import ComposeRequest, compose
from backend.config import load_settings
from backend.console import out, safe, say, table, warn, write_json, write_line
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.specs.tables.columns import parse_columns
from remote.protocol import Json

_MOST_TOLD = 10
"""How many of the prompts that cannot be used are named."""
_CHARACTERS = 60
"""The characters of a prompt that the preview shows."""
_DRAW_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ComposeOptions:
    """The command line of `upsample compose`; see its help."""

    words: tuple[str, ...]
    prompts: tuple[Path, ...]
    videos: tuple[Path, ...]
    styles: tuple[str, ...]
    format: str | None
    """None for the one that fits."""
    pattern: str
    """Empty for the one that fits."""
    control: str
    save_dir: Path | None
    columns: str
    dry_run: bool
    force: bool
    as_json: bool


def compose_specs(options: ComposeOptions) -> ExitCode:
    """Write the specs, or with `dry_run` show the first ten. Raises UpsampleError."""
    request = ComposeRequest(
        Path.cwd().resolve(),
        words=options.words,
        prompt_files=options.prompts,
        clip_paths=options.videos,
        styles=options.styles,
        format=options.format,
        pattern=options.pattern,
        control=options.control,
        folder=options.save_dir,
        columns=parse_columns(options.columns),
    )
    composition, troubles = compose(request, load_settings().compose.styles)
    _warn(troubles)
    unseen = list(left_alone(composition))
    if unseen:
        warn(
            f"{len(unseen):,} of {composition.count:,} will be left alone when their folder is opened: "
            f"{unseen[0]}"
        )
    if options.dry_run:
        _show_preview(composition, as_json=options.as_json)
        return ExitCode.OK
    made = _make(composition, force=options.force)
    _tell(made, composition, as_json=options.as_json)
    if made.is_stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.SOME_FAILED if troubles else ExitCode.OK


def undo_composition(*, as_json: bool) -> ExitCode:
    """Remove what was composed last in this working directory. Raises UpsampleError."""
    record = latest_record(Path.cwd().resolve())
    if record is None:
        raise InputError(
            "nothing was composed in this folder that could be undone",
            "Go to the folder in which `upsample compose` was called.",
        )
    undone = undo(record)
    if as_json:
        write_json(
            {
                "folder": str(undone.folder),
                "removed": undone.removed,
                "restored": undone.restored,
                "changed": [*undone.changed],
            }
        )
    restored = f" {undone.restored:,} hold again what they held before." if undone.restored else ""
    say(f"{_counted(undone.removed, 'file')} removed from {undone.folder}.{restored}")
    for name in undone.changed[:_MOST_TOLD]:
        warn(f"{name} was changed since it was composed: it stays")
    if len(undone.changed) > _MOST_TOLD:
        warn(f"{len(undone.changed) - _MOST_TOLD:,} more were changed, and stay")
    return ExitCode.SOME_FAILED if undone.changed else ExitCode.OK


def _make(composition: Composition, *, force: bool) -> Made:
    """Write the specs with a bar, and stop when the user interrupts."""
    columns = (
        TextColumn("composing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns) as bar, _interruptions() as interrupted:
        task = bar.add_task("", total=composition.count)
        drawn = 0.0

        def go_on(done: int) -> bool:
            nonlocal drawn
            if (now := time.monotonic()) - drawn > _DRAW_SECONDS:
                drawn = now
                bar.update(task, completed=done)
            return not interrupted

        return make(composition, force=force, go_on=go_on)


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Yield a list that is empty until the user interrupts. The second time, KeyboardInterrupt is raised."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(made: Made, composition: Composition, *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                **_facts(composition),
                "specs": made.specs,
                "files": made.files,
                "already_there": made.already,
                "replaced": made.replaced,
                "stopped": made.is_stopped,
            }
        )
    elif made.files or made.already:
        is_one = composition.format.is_one_file
        write_line(str(made.folder / composition.one_file if is_one else made.folder))
    already = f", {made.already:,} of them there already" if made.already else ""
    if made.is_stopped:
        say(f"Stopped: {made.specs:,} of {composition.count:,} specs are written{already}.")
    else:
        say(f"{_counted(made.specs, 'spec')} as {composition.format.name.value}{already}.")
    if made.files:
        say("To remove them: upsample compose --undo")


def _show_preview(composition: Composition, *, as_json: bool) -> None:
    first = composition.preview()
    if as_json:
        shown: list[Json] = [_as_json(spec, composition) for spec in first]
        write_json({**_facts(composition), "count": composition.count, "first": shown})
        return
    has_styles = bool(composition.styles)
    preview = table(
        "file", "video", *(("style",) if has_styles else ()), "prompt", long=("prompt",)
    )
    for spec in first:
        cells = (
            spec.name if composition.format.is_one_file else composition.file_of(spec),
            spec.clip.path.name if spec.clip else "",
            *((spec.style,) if has_styles else ()),
            spec.prompt if len(spec.prompt) <= _CHARACTERS else spec.prompt[:_CHARACTERS] + "…",
        )
        preview.add_row(*map(safe, cells))
    out().print(preview)
    more = composition.count - len(first)
    say(
        (f"… and {more:,} more: " if more else "")
        + f"{_counted(composition.count, 'spec')} as {composition.format.name.value} in "
        f"{composition.folder}. Nothing is written (--dry-run)."
    )


def _facts(composition: Composition) -> dict[str, Json]:
    return {
        "folder": str(composition.folder),
        "format": composition.format.name.value,
        "pattern": composition.pattern.text,
    }


def _as_json(spec: NewSpec, composition: Composition) -> dict[str, Json]:
    return {
        "file": composition.file_of(spec),
        "name": spec.name,
        "video": str(spec.clip.path) if spec.clip else None,
        "style": spec.style or None,
        "prompt": spec.prompt,
    }


def _warn(troubles: tuple[str, ...]) -> None:
    for trouble in islice(troubles, _MOST_TOLD):
        warn(f"left out: {trouble}")
    if len(troubles) > _MOST_TOLD:
        warn(f"{len(troubles) - _MOST_TOLD:,} more are left out")


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
