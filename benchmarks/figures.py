"""From runs to figures: tokens a second, medians with their spread, and ratios within a lap.

A ratio is taken lap by lap, between runs that followed one another, and the median of those is shown: what
slows the machine down for a while slows both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich.table import Table

from backend.console import table
from benchmarks.contestants import ONE_AT_A_TIME, OURS, PLAIN, WAYS, Run
from remote.protocol import Json

Clock = Callable[[Run], float]
CLOCKS: dict[str, Clock] = {"sending": lambda run: run.sending, "whole": lambda run: run.whole}
FRAMES = {False: "drawn before", True: "drawn meanwhile"}
RATIOS = ((OURS, PLAIN), (OURS, ONE_AT_A_TIME), (PLAIN, ONE_AT_A_TIME))


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def text(self, digits: int) -> str:
        return f"{self.median:.{digits}f}  ({self.least:.{digits}f} – {self.most:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one way was, by one clock."""

    frames: str
    clock: str
    way: str
    tokens_per_second: Spread
    seconds: Spread
    answer_tokens: Spread
    """A run; equal for all ways, or they did not do the same work."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time that one way took, where."""

    frames: str
    way: str
    user: Spread
    box: Spread
    server: Spread


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much faster one way was than another, by one clock; above 1 it was."""

    frames: str
    clock: str
    way: str
    than: str
    ratio: Spread


def rates(laps: Sequence[Sequence[Run]]) -> list[Rate]:
    """Each way by each clock."""
    return [
        Rate(
            FRAMES[drawing],
            clock,
            way,
            Spread.of([run.answer_tokens / read(run) for run in runs]),
            Spread.of([read(run) for run in runs]),
            Spread.of([float(run.answer_tokens) for run in runs]),
        )
        for drawing, clock, read in _measured(laps)
        for way in WAYS
        if (
            runs := [run for lap in laps for run in lap if (run.way, run.drawing) == (way, drawing)]
        )
    ]


def ratios(laps: Sequence[Sequence[Run]]) -> list[Ratio]:
    """Each pair of ways by each clock, in tokens a second."""
    found = []
    for drawing, clock, read in _measured(laps):
        for way, than in RATIOS:
            values = list(_ratios(laps, drawing, read, way, than))
            if values:
                found.append(Ratio(FRAMES[drawing], clock, way, than, Spread.of(values)))
    return found


def costs(laps: Sequence[Sequence[Run]]) -> list[Cost]:
    """Each way."""
    return [
        Cost(
            FRAMES[drawing],
            way,
            Spread.of([run.cpu_user for run in runs]),
            Spread.of([run.cpu_box for run in runs]),
            Spread.of([run.cpu_server for run in runs]),
        )
        for drawing in sorted({run.drawing for lap in laps for run in lap})
        for way in WAYS
        if (runs := _runs(laps, way, drawing))
    ]


def _runs(laps: Sequence[Sequence[Run]], way: str, drawing: bool) -> list[Run]:
    return [run for lap in laps for run in lap if (run.way, run.drawing) == (way, drawing)]


def _measured(laps: Sequence[Sequence[Run]]) -> Iterator[tuple[bool, str, Clock]]:
    for drawing in sorted({run.drawing for lap in laps for run in lap}):
        for clock, read in CLOCKS.items():
            yield drawing, clock, read


def _ratios(
    laps: Sequence[Sequence[Run]], drawing: bool, read: Clock, way: str, than: str
) -> Iterator[float]:
    for lap in laps:
        speeds = {run.way: run.answer_tokens / read(run) for run in lap if run.drawing is drawing}
        if way in speeds and than in speeds:
            yield speeds[way] / speeds[than]


def rate_table(found: Sequence[Rate]) -> Table:
    """For people."""
    made = table("frames", "clock", "way", "tokens/s", "seconds", "answer tokens", long=())
    for rate in found:
        made.add_row(
            rate.frames,
            rate.clock,
            rate.way,
            rate.tokens_per_second.text(0),
            rate.seconds.text(1),
            f"{rate.answer_tokens.median:,.0f}",
        )
    return made


def ratio_table(found: Sequence[Ratio]) -> Table:
    """For people."""
    made = table("frames", "clock", "ratio of tokens/s", "median (least – most)", long=())
    for ratio in found:
        made.add_row(ratio.frames, ratio.clock, f"{ratio.way} ÷ {ratio.than}", ratio.ratio.text(2))
    return made


def cost_table(found: Sequence[Cost]) -> Table:
    """For people."""
    made = table("frames", "CPU seconds of", "user", "box", "model server", long=())
    for cost in found:
        made.add_row(
            cost.frames, cost.way, cost.user.text(1), cost.box.text(1), cost.server.text(1)
        )
    return made


def as_json(laps: Sequence[Sequence[Run]], about: dict[str, Json]) -> dict[str, object]:
    """Everything, single runs too."""
    return {
        **about,
        "rates": [asdict(rate) for rate in rates(laps)],
        "costs": [asdict(cost) for cost in costs(laps)],
        "ratios": [asdict(ratio) for ratio in ratios(laps)],
        "runs": [asdict(run) | {"lap": number} for number, lap in enumerate(laps) for run in lap],
    }
