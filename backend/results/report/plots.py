"""Works out the plots of a report's summary. The page's template draws them as SVG.

All lengths are in the units of a plot's own coordinates, which the page scales.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from backend.results.report.how_made import RATINGS
from backend.results.report.reported import Reported, ReportedResult
from backend.store.decision import Decision

WIDTH = 360
HEIGHT = 168
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 352, 26, 144
"""The edges of the area in which bars are drawn; labels stand around it."""
_MOST_BARS = 30
_MOST_LIMITS = 3
ROW = 26
"""The height of a row of counts."""
_RATINGS = [f"{rating} of 5" for rating in reversed(RATINGS)]
_LABELS = 118
"""The width of the labels before a row's bar."""


class PlotBar(NamedTuple):
    """A bar with what it says."""

    x: float
    y: float
    width: float
    height: float
    label: str
    times: int


class PlotMark(NamedTuple):
    """A place on the axis: a tick, or a limit."""

    x: float
    label: str
    anchor: str
    """Where the label stands: at its "start", "middle" or "end"."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values occur."""

    title: str
    summary: str
    """What the plot shows, in one sentence."""
    bars: tuple[PlotBar, ...]
    ticks: tuple[PlotMark, ...]
    limits: tuple[PlotMark, ...]


@dataclass(frozen=True, slots=True)
class CountRows:
    """How often words occur, a row each."""

    title: str
    summary: str
    """What the plot shows, in one sentence."""
    bars: tuple[PlotBar, ...]

    @property
    def height(self) -> int:
        """The height of all rows."""
        return ROW * len(self.bars)


@dataclass(frozen=True, slots=True)
class Plots:
    """The plots of a report. Those that have nothing to show are left out."""

    histograms: tuple[Histogram, ...]
    counts: tuple[CountRows, ...]


def plots_of(reported: Reported) -> Plots:
    """Return the plots of all results."""
    results = reported.results
    prompts = [result.made.prompt_tokens for result in results]
    answers = [result.made.answer_tokens for result in results]
    paces = [result.made.pace for result in results]
    drawn = (
        _histogram("Prompt and frames", "tokens", prompts, _prompt_limits(reported)),
        _histogram("Answer", "tokens", answers, {r.made.answer_limit for r in results}),
        _histogram("Length of the result", "words", [r.word_count for r in results]),
        _histogram("Pace", "tokens a second", paces),
    )
    counts = (
        _rows("Decisions", [str(r.decision) for r in results if r.decision], list(Decision)),
        _rows("Lints", _lint_words(results)),
        _rows("Rating", [f"{r.made.rating} of 5" for r in results if r.made.rating], _RATINGS),
    )
    return Plots(
        tuple(plot for plot in drawn if plot is not None),
        tuple(plot for plot in counts if plot is not None),
    )


def _prompt_limits(reported: Reported) -> set[int | None]:
    return {prompt.token_limit for prompt in reported.prompts}


def _lint_words(results: Sequence[ReportedResult]) -> list[str]:
    """Return the kinds of lints, one for each result that has it; "none" for a result without lints."""
    words = [kind.value for result in results for kind in {each.kind for each in result.lints}]
    return words + ["none" for result in results if not result.lints]


def _histogram(
    title: str,
    unit: str,
    told: Iterable[float | None],
    limits: Iterable[int | None] = (),
) -> Histogram | None:
    values = sorted(value for value in told if value is not None)
    if not values:
        return None
    at_limits = sorted({limit for limit in limits if limit is not None})
    middle = values[len(values) // 2]
    bounds = ", ".join(f"{limit:,}" for limit in at_limits[-_MOST_LIMITS:])
    summary = f"{_spelled(values[0])} {unit} each"
    if values[0] != values[-1]:
        ends = f"{_spelled(values[0])} to {_spelled(values[-1])}"
        summary = f"{ends} {unit}, half of them up to {_spelled(middle)}"
    summary += f"; limit {bounds}." if bounds else "."
    highest = max([values[-1], *at_limits[-_MOST_LIMITS:]])
    step = _round_step(highest / _MOST_BARS, is_whole=isinstance(values[-1], int))
    bins = Counter(int(value // step) for value in values)
    count = max(1, int(highest // step) + 1)
    scale = (_RIGHT - _LEFT) / (count * step)
    tallest = max(bins.values())
    bars = tuple(
        PlotBar(
            round(_LEFT + n * step * scale + 0.5, 1),
            round(_BOTTOM - (_BOTTOM - _TOP) * times / tallest, 1),
            round(max(1.0, step * scale - 1), 1),
            round((_BOTTOM - _TOP) * times / tallest, 1),
            f"{_spelled(n * step)} to {_spelled((n + 1) * step)} {unit}",
            times,
        )
        for n, times in sorted(bins.items())
    )
    ticks = _ticks(count * step, scale)
    lines = tuple(
        _mark(_LEFT + limit * scale, f"limit {limit:,}") for limit in at_limits[-_MOST_LIMITS:]
    )
    return Histogram(f"{title}, {unit}", summary, bars, ticks, lines)


def _ticks(end: float, scale: float) -> tuple[PlotMark, ...]:
    step = _round_step(end / 4, is_whole=False)
    places = [n * step for n in range(int(end / step) + 1)]
    return tuple(_mark(_LEFT + place * scale, _spelled(place)) for place in places)


def _mark(x: float, label: str) -> PlotMark:
    half = 3.6 * len(label)
    anchor = "start" if x - half < 0 else "end" if x + half > WIDTH else "middle"
    return PlotMark(round(x, 1), label, anchor)


def _rows(title: str, words: Sequence[str], order: Sequence[str] = ()) -> CountRows | None:
    """Return a row for each word that occurs: in this order, or the most frequent first."""
    counts = Counter(words)
    if not counts:
        return None
    known = [word for word in map(str, order) if word in counts]
    rows = known or [
        word for word, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]
    most = max(counts.values())
    # The count stands behind the bar.
    room = WIDTH - _LABELS - 48
    bars = tuple(
        PlotBar(
            _LABELS,
            n * ROW + 4,
            max(2.0, round(room * counts[word] / most, 1)),
            ROW - 8,
            word,
            counts[word],
        )
        for n, word in enumerate(rows)
    )
    summary = ", ".join(f"{word}: {counts[word]:,}" for word in rows) + "."
    return CountRows(title, summary, bars)


def _round_step(least: float, *, is_whole: bool) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, … and their tenths that is not below `least`."""
    if least <= 0:
        return 1
    power = 10 ** math.floor(math.log10(least))
    step: float = next(f * power for f in (1, 2, 5, 10) if f * power >= least * 0.999)
    return float(max(1, round(step))) if is_whole or step >= 1 else step


def _spelled(value: float) -> str:
    """Return a number as people read it; with one digit after the point where it is small and has one."""
    if value >= 10 or value == int(value):
        return f"{round(value):,}"
    return f"{value:.2g}"
