"""Plots prompt tokens over pixels: by our count, by the rule of thumb, and as measured.

matplotlib draws it as SVG and as PNG. It comes with the extra `plots`, and only `draw_plot` imports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import ResultError
from backend.limits.markdown_tables import frames_text
from backend.limits.report import LimitsReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = (9.0, 5.6)
_DPI = 160
_COLOURS = {1: "#4c9be8", 2: "#1b5fa8", 4: "#0d2f5c"}
"""The colours of our count, by the number of frames."""
_OTHER_COLOUR = "#5a5a8c"
_LINEAR, _MEASURED, _LIMIT = "#c0392b", "#0b8a42", "#777777"


def draw_plot(report: LimitsReport, folder: Path) -> list[Path]:
    """Write limits.svg and limits.png into a folder, and return their paths. Takes seconds.

    Raises ResultError, and ImportError where matplotlib is not installed.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    files = [folder / "limits.svg", folder / "limits.png"]
    try:
        with rc_context(
            {
                "font.size": 9.0,
                "svg.fonttype": "none",
                # With a fixed salt and no date, equal reports give equal files.
                "svg.hashsalt": "upsample",
                "axes.spines.top": False,
                "axes.spines.right": False,
            }
        ):
            # pyplot would open a window and keep global state.
            figure = Figure(figsize=_INCHES, layout="constrained")
            FigureCanvasAgg(figure)
            _plot(figure.add_subplot(), report)
            figure.savefig(files[0], metadata={"Date": None})
            figure.savefig(files[1], dpi=_DPI)
    except OSError as error:
        raise ResultError(f"nothing can be written in {folder}: {error.strerror}") from error
    return files


def _plot(axes: Axes, report: LimitsReport) -> None:
    linear = [
        (row.size.area, row.linear) for row in report.rows if row.frames == _frames_of_rule(report)
    ]
    axes.plot(
        *_points(linear),
        color=_LINEAR,
        linestyle="--",
        marker="x",
        markersize=4,
        linewidth=1,
        label=f"rule of thumb, {frames_text(_frames_of_rule(report))}, without the text",
    )
    for frames in report.frame_counts:
        exact = [
            (row.size.area, row.budgets[0].prompt_tokens)
            for row in report.rows
            if row.frames == frames
        ]
        axes.scatter(
            *_points(exact),
            s=14,
            color=_COLOURS.get(frames, _OTHER_COLOUR),
            label=f"counted, {frames_text(frames)}",
        )
    _plot_measured(axes, report)
    for limit in report.contexts:
        axes.axhline(limit - report.reserve, color=_LIMIT, linewidth=0.8, linestyle=":")
        axes.annotate(
            f"max_model_len {limit:,}, {report.reserve} kept",
            (1.0, limit - report.reserve),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color=_LIMIT,
            fontsize=7.5,
        )
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x / 1e6:g}")
    axes.set_xlabel("pixels of a frame, in millions")
    axes.set_ylabel("prompt tokens")
    axes.set_title(f"What frames cost ({report.profile}, prompt of {report.text} tokens)")
    axes.legend(loc="lower right", frameon=False)
    axes.grid(visible=True, axis="y", alpha=0.2)


def _plot_measured(axes: Axes, report: LimitsReport) -> None:
    if report.measurement is None:
        return
    told = [
        (row.size.area, row.reply.prompt_tokens)
        for row in report.measurement.rows
        if row.size is not None and row.reply.prompt_tokens is not None
    ]
    axes.scatter(
        *_points(told),
        s=46,
        facecolors="none",
        edgecolors=_MEASURED,
        linewidths=1,
        label=f"measured on {report.measurement.box} ({report.measurement.engine})",
    )


def _frames_of_rule(report: LimitsReport) -> int:
    """Return the number of frames for which the rule of thumb is drawn."""
    return 2 if 2 in report.frame_counts else report.frame_counts[0]


def _points(points: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    ordered = sorted(points)
    return [x for x, _ in ordered], [y for _, y in ordered]
