"""`upsample estimate`: count the tokens of prompts and sizes, exactly and by the rule of thumb."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from backend.commands.fit import frames_wanted
from backend.commands.verdict_text import tokens_text, verdict_legend, verdict_text
from backend.config import Settings, load_settings
from backend.console import out, safe, table, warn, write_csv, write_json
from backend.errors import InputError, MediaError
from backend.exit_codes import ExitCode
from backend.files.index import default_index
from backend.limits.calibration import Calibration, find_calibration
from backend.planning.box_planner import make_planner
from backend.sizes import CATEGORIES, COSMOS3_SIZES, Size
from backend.specs.entries import SUFFIXES
from backend.specs.media import choose_media
from backend.specs.model import Scan, Spec
from backend.specs.quoting import printable
from backend.specs.scan import scan
from backend.tokens import LINEAR, Budget, TextCounter
from backend.video import Video, VideoIndex
from backend.video.missing import is_numbered
from backend.video.picture_sequences import find_sequence
from remote.protocol import Json

_COSMOS3 = "C3 "
"""The beginning of the names of Cosmos 3's sizes; the others are Transfer1's."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The token counts of one spec, file or size, and a budget for each context length."""

    name: str
    size: Size | None
    frames: int
    linear: int
    """Vision tokens by the rule of thumb."""
    budgets: tuple[Budget, ...]
    """One budget for each context length; only their limits differ."""
    largest: Size | None
    """The largest size that fits the first context length."""
    measured: int | None
    """Prompt tokens as measured on the box; None when this size was not measured."""


def show_estimates(
    paths: Sequence[Path],
    resolutions: Sequence[str],
    frames: int | None,
    prompt: str,
    limits: Sequence[int],
    style: str,
    counting: str | None = None,
) -> ExitCode:
    """Print the estimates as a table, a JSON array or CSV.

    `counting` replaces the setting `estimator`.
    """
    settings = load_settings({"upsampling": {"estimator": counting}} if counting else None)
    calibration = find_calibration(settings)
    found = _Found()
    with closing(VideoIndex(default_index())) as videos:
        estimator = _Estimator(settings, frames, limits, calibration, videos.probe)
        rows = [
            *(estimator.of_size(text, Size.parse(text), prompt) for text in resolutions),
            *_of_paths(estimator, paths, prompt, found),
        ]
    if not paths and not resolutions:
        rows = list(_of_categories(estimator, prompt))
    match style:
        case "json":
            write_json([_as_json(row) for row in rows])
        case "csv":
            _show_csv(rows)
        case _ if rows:
            _show_table(rows, calibration, settings.box)
        case _:
            pass
    if calibration and (warning := calibration.warning()):
        warn(warning)
    return ExitCode.OK if rows and not found.troubles else ExitCode.SOME_FAILED


@dataclass
class _Found:
    """Counts the troubles with the paths, and warns of each."""

    troubles: int = 0
    """The number of specs and files that could not be estimated."""

    def complain(self, text: str) -> None:
        self.troubles += 1
        warn(text)


class _Estimator:
    def __init__(
        self,
        settings: Settings,
        frames: int | None,
        limits: Sequence[int],
        calibration: Calibration | None,
        probe: Callable[[Path], Video],
    ) -> None:
        for limit in limits:
            if limit < 1:
                raise InputError(f"a context of {limit} tokens holds nothing", "Give 1 or more.")
        self._settings = settings.upsampling
        self._frames = frames_wanted(frames, settings)
        self._calibration = calibration
        self._probe = probe
        self._planner = make_planner(settings, TextCounter())
        self._limits = limits or [self._planner.settings.max_tokens]

    def of_spec(self, spec: Spec) -> Estimate:
        """Estimate a spec. Raises MediaError when its video cannot be read."""
        text = self._planner.text_tokens(spec.prompt)
        shown = choose_media(spec, self._settings.media)
        if shown.video is None:
            return self._of(spec.name, None, 0, text)
        video = self._probe(shown.video)
        frames = self._planner.frames_of(video, self._frames)
        for control in shown.controls:
            frames += self._planner.frames_of(self._probe(control), self._frames)
        return self._of(spec.name, video.size, frames, text)

    def of_media(self, path: Path, prompt: str) -> Estimate:
        """Estimate a video or an image. Raises MediaError when the file is neither."""
        video = self._probe(path)
        frames = self._planner.frames_of(video, self._frames)
        return self._of(path.name, video.size, frames, self._count(prompt))

    def of_size(self, name: str, size: Size, prompt: str) -> Estimate:
        return self._of(name, size, self._frames, self._count(prompt))

    def _count(self, prompt: str) -> int:
        # Without --prompt the user asks about pictures alone: a system prompt is counted, but not the text
        # that replaces an empty prompt.
        return self._planner.text_tokens(prompt or None)

    def _of(self, name: str, size: Size | None, frames: int, text: int) -> Estimate:
        planner = self._planner
        largest = size and planner.largest(size, text, frames, limit=self._limits[0])
        budgets = tuple(planner.weigh(text, size, frames, limit) for limit in self._limits)
        calibration = self._calibration
        return Estimate(
            name=name,
            size=size,
            frames=frames,
            linear=LINEAR.vision_tokens(size, frames) if size else 0,
            budgets=budgets,
            largest=largest or None,
            measured=calibration.prompt_tokens(size, frames, budgets[0]) if calibration else None,
        )


def _of_categories(estimator: _Estimator, prompt: str) -> Iterator[Estimate]:
    for generator, categories in (("", CATEGORIES), (_COSMOS3, COSMOS3_SIZES)):
        for category, sizes in categories.items():
            for aspect, size in sizes.items():
                yield estimator.of_size(f"{generator}{category} {aspect}", size, prompt)


def _of_paths(
    estimator: _Estimator, paths: Sequence[Path], prompt: str, found: _Found
) -> Iterator[Estimate]:
    for path in paths:
        may_be_spec = path.suffix.lower() in SUFFIXES
        is_numbered_name = is_numbered(path) and not may_be_spec and not path.exists()
        scanned = Scan() if is_numbered_name else scan([path], Path.cwd())
        for broken in scanned.broken:
            found.complain(str(broken))
        for spec in scanned.specs:
            try:
                yield estimator.of_spec(spec)
            except MediaError as error:
                found.complain(f"{spec.file}: {error}")
        is_folder_alone = path.is_dir() and not scanned.specs
        if is_numbered_name or is_folder_alone or (scanned.skipped and path.is_file()):
            try:
                if not is_folder_alone or find_sequence(path) is not None:
                    yield estimator.of_media(path, prompt)
                elif not scanned.broken:
                    found.complain(f"{path}: no prompt spec is in it")
            except MediaError as error:
                found.complain(
                    f"{path}: {scanned.skipped[0].reason}"
                    if may_be_spec and scanned.skipped
                    else str(error)
                )


def _as_json(row: Estimate) -> dict[str, Json]:
    first = row.budgets[0]
    return {
        "name": row.name,
        "width": row.size.width if row.size else None,
        "height": row.size.height if row.size else None,
        "frames": row.frames,
        "text_tokens": first.text,
        "vision_tokens": first.vision,
        "prompt_tokens": first.prompt_tokens,
        "linear_tokens": row.linear,
        "reserve": first.reserve,
        "estimated": first.estimated,
        "measured": first.measured,
        "largest_fit": str(row.largest) if row.largest else None,
        "measured_tokens": row.measured,
        "limits": [
            {"max_model_len": b.limit, "verdict": b.verdict.value, "free": b.free}
            for b in row.budgets
        ],
    }


def _show_csv(rows: Sequence[Estimate]) -> None:
    limits = [budget.limit for budget in rows[0].budgets] if rows else []
    columns = ["name", "width", "height", "frames", "text_tokens", "vision_tokens"]
    columns += [
        "prompt_tokens",
        "linear_tokens",
        "reserve",
        "estimated",
        "measured",
        "largest_fit",
        "measured_tokens",
    ]
    columns += [f"verdict_{limit}" for limit in limits]
    write_csv(
        columns,
        (
            [
                printable(row.name),
                *list(_as_json(row).values())[1:-1],
                *(b.verdict.value for b in row.budgets),
            ]
            for row in rows
        ),
    )


def _show_table(rows: Sequence[Estimate], calibration: Calibration | None, box: str) -> None:
    measured = ["measured"] if any(row.measured is not None for row in rows) else []
    limits = [budget.limit for budget in rows[0].budgets] if rows else []
    numbers = ("frames", "text", "vision", "prompt", "linear")
    shown = table(
        "name",
        "size",
        *numbers,
        *measured,
        *(f"{limit:,}" for limit in limits),
        "largest",
        right=(*numbers, "measured"),
    )
    for row in rows:
        budget = row.budgets[0]
        shown.add_row(
            Text(safe(row.name)),
            str(row.size or "-"),
            str(row.frames),
            f"{budget.text:,}",
            f"{budget.vision:,}",
            tokens_text(budget),
            f"{row.linear:,}",
            *([_measured_text(row)] if measured else []),
            *(verdict_text(b.verdict) for b in row.budgets),
            str(row.largest or "none"),
        )
    out().print(shown)
    if rows:
        first = rows[0].budgets[0]
        out().print(
            f"prompt: {first.overhead} + text + vision tokens. "
            "linear: vision tokens by the rule of thumb.\n"
            f"A reserve of {first.reserve} is kept for the answer; largest: the largest size that fits.\n"
            f"{verdict_legend()}"
        )
        if any(row.name.startswith(_COSMOS3) for row in rows):
            out().print("C3 is a size of Cosmos 3; the others are those of Transfer1.")
        if first.estimated:
            out().print("≈ is an upper estimate: this model's own tokenizer is not known here.")
        if first.measured:
            out().print(
                Text(safe(f"All tokens are measured: corrected by what {box} has counted."))
            )
        if measured and calibration is not None:
            out().print(Text(safe(f"measured: prompt tokens as counted by {calibration.source}.")))


def _measured_text(row: Estimate) -> Text:
    if row.measured is None:
        return Text("")
    agrees = row.measured == row.budgets[0].prompt_tokens
    return Text(f"{row.measured:,}", "" if agrees or row.budgets[0].estimated else "bold red")
