"""The columns of a list of jobs: how wide each is, what stands in it, and which give way first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backend.store import State
from tui.queue.job_states import shown
from tui.state.live import LiveBox, LiveJob
from tui.text import cut_apart, left, one_line, right
from tui.widgets.amounts import clock
from tui.widgets.row_list import GUTTER, Piece

_STATE = 13
_TOKENS = 8
_RATE = 8
_TIME = 9
_NAME = 16
"""The least width of the name. Columns are left out before it becomes narrower."""
_WIDE_NAME = 40
"""The width of the name beyond which the cells go to the remark."""


@dataclass(frozen=True, slots=True)
class JobColumns:
    """The width of each column in cells, with the space before it; 0 for a column that is left out."""

    gutter: int
    name: int
    remark: int
    tokens: int
    rate: int
    time: int


def lay_out(width: int, *, marks: bool = True) -> JobColumns:
    """Return the columns for a list of this width. `marks` says whether jobs can be marked in it."""
    gutter = GUTTER if marks else 1
    spare = width - gutter - _STATE - _NAME
    given = {}
    for column, cells in (("time", _TIME), ("tokens", _TOKENS), ("rate", _RATE)):
        given[column] = cells if cells <= spare else 0
        spare -= given[column]
    name = max(1, _NAME + spare)
    remark = max(0, name - _WIDE_NAME)
    if remark < 12:
        remark = 0
    return JobColumns(gutter, name - remark, remark, given["tokens"], given["rate"], given["time"])


def headings(columns: JobColumns) -> str:
    """Return the names of the columns, each where its column is."""
    return "".join(
        (
            " " * columns.gutter,
            left("state", _STATE),
            left("job", columns.name),
            left("", columns.remark),
            right("tokens", columns.tokens),
            right("tok/s", columns.rate),
            right("time", columns.time),
        )
    )


def cells(
    job: LiveJob,
    box: LiveBox | None,
    columns: JobColumns,
    now: float,
    *,
    marked: bool,
    current: bool,
    beside: Iterable[str] = (),
) -> list[Piece]:
    """Return one line of the list, as wide as all its columns. `box` is the job's, and `beside` are the names
    of rows near it.
    """
    stands = shown(job, box)
    gutter = ("▸" if current else " ") + ("■ " if marked else "  ")
    rate = job.rate(now) if job.state in (State.RUNNING, State.DONE) else None
    return [
        (gutter[0], "cursor-glyph"),
        (gutter[1 : columns.gutter], "mark"),
        (left(stands.text, _STATE), stands.part),
        (left(cut_apart(name_of(job), columns.name - 1, beside), columns.name), "name"),
        (left(remark(job), columns.remark), "failed" if job.error else "remark"),
        (right(f"{job.tokens:,}" if job.tokens else "", columns.tokens), "number"),
        (right(f"{rate:,.0f}" if rate is not None else "", columns.rate), "number"),
        (right(clock(job.elapsed(now)), columns.time), "number"),
    ]


def name_of(job: LiveJob) -> str:
    """Return the name of the spec, with the number of the candidate if there are several."""
    candidate = f" #{job.job.candidate + 1}" if job.job.candidate else ""
    return one_line(job.job.name) + candidate


def remark(job: LiveJob) -> str:
    """Return the most useful remark: why the job failed or waits, or what is sent."""
    if job.error:
        return one_line(job.error.partition("\n")[0])
    if job.note:
        return one_line(job.note)
    if job.finish_reason == "length":
        return "cut off at the token limit"
    if job.size_sent:
        return f"{job.frames} × {job.size_sent.replace('x', '×')}"
    return ""
