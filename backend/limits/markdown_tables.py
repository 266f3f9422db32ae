"""Formats the report as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backend.limits.estimates import EstimateRow, Largest
from backend.limits.measurement import Confirmed, MeasuredSize, Measurement
from backend.limits.report import LimitsReport, gib_text
from backend.sizes import AspectRatio, Size
from backend.tokens import NEAR_MEANS, Verdict

SIGNS = {Verdict.FITS: "✓", Verdict.NEAR: "~", Verdict.EXCEEDS: "✗"}


def size_text(size: Size | None) -> str:
    """Format a size as "1280×704", or "none"."""
    return f"{size.width}×{size.height}" if size else "none"


def frames_text(count: int) -> str:
    """Format a number of frames: "1 frame", "2 frames"."""
    return "1 frame" if count == 1 else f"{count} frames"


def size_table(report: LimitsReport, frames: int) -> str:
    """Make a table of what each size costs with this many frames, and where it fits."""
    rows = [row for row in report.rows if row.frames == frames]
    return markdown_table(
        ["size", "", "prompt tokens", "rule of thumb", *(f"{c:,}" for c in report.contexts)],
        (_size_cells(row) for row in rows),
        right=(2, 3),
    )


def _size_cells(row: EstimateRow) -> list[str]:
    return [
        size_text(row.size),
        row.name,
        f"{row.budgets[0].prompt_tokens:,}",
        f"{row.linear:,}",
        *(f"{SIGNS[b.verdict]} {b.free:,}" for b in row.budgets),
    ]


def largest_table(report: LimitsReport, frames: int) -> str:
    """Make a table of the largest size at each aspect ratio and context length."""
    by_context = [
        [each for each in report.largest if (each.frames, each.max_model_len) == (frames, context)]
        for context in report.contexts
    ]
    return markdown_table(
        ["max_model_len", *(aspect.value for aspect in AspectRatio)],
        (
            [f"{of_context[0].max_model_len:,}", *map(_largest_cell, of_context)]
            for of_context in by_context
        ),
        right=(0,),
    )


def _largest_cell(largest: Largest) -> str:
    whole = largest.size is not None and largest.above is None
    return f"{size_text(largest.size)}{' (all)' if whole else ''}"


def frames_table(report: LimitsReport) -> str:
    """Make a table of how many frames of some sizes fit each context length."""
    return markdown_table(
        ["frames of", *(f"{context:,}" for context in report.contexts)],
        ([size_text(size), *(f"{n:,}" for n in counts)] for size, counts in report.most_frames),
        right=range(1, len(report.contexts) + 1),
    )


def memory_table(report: LimitsReport) -> str:
    """Make a table of the GPU memory of each context length; empty when the profile gives no KV cache."""
    if not report.memories:
        return ""
    return markdown_table(
        ["max_model_len", "one request", f"{report.max_num_seqs} requests at most"],
        (
            [f"{m.max_model_len:,}", gib_text(m.per_request), gib_text(m.most)]
            for m in report.memories
        ),
        right=(0, 1, 2),
    )


def measured_table(measured: Measurement) -> str:
    """Make a table of each size as the box counted it."""
    return markdown_table(
        ["size", "", "frames", "counted", "measured", "difference", "box"],
        (_asked_cells(row) for row in measured.rows),
        right=(2, 3, 4, 5),
    )


def _asked_cells(row: MeasuredSize) -> list[str]:
    told, difference = row.reply.prompt_tokens, row.difference
    return [
        size_text(row.size) if row.size else "the prompt alone",
        row.name,
        f"{row.frames}",
        f"{row.budget.prompt_tokens:,}",
        count_text(told),
        "" if difference is None else f"{difference:+,}" if difference else "0",
        row.reply.outcome.value,
    ]


def confirmed_table(measured: Measurement) -> str:
    """Make a table of the largest size at each aspect ratio on the box, and of the size that is sent."""
    return markdown_table(
        ["aspect", "frames", "accepted", "tokens", "refused", "", "sent", "tokens", ""],
        (_confirmed_cells(each) for each in measured.confirmed),
        right=(1, 3, 7),
    )


def _confirmed_cells(each: Confirmed) -> list[str]:
    sent = each.sent_reply
    return [
        each.aspect.value,
        f"{each.frames}",
        size_text(each.accepted),
        count_text(each.accepted_tokens),
        size_text(each.refused) if each.refused else "nothing is larger",
        confirmed_text(each),
        size_text(each.sent),
        count_text(sent.prompt_tokens if sent else None),
        sent.outcome.value if sent else "",
    ]


def confirmed_text(each: Confirmed) -> str:
    """Say whether the largest size is the expected one."""
    if each.is_confirmed:
        return "confirmed"
    return each.trouble or f"{size_text(each.estimated)} was counted"


def count_text(count: int | None) -> str:
    """Format a number as "4,699"; None as nothing."""
    return "" if count is None else f"{count:,}"


def room_text(measured: Measurement) -> str:
    """Say what the box does with a prompt that leaves too little room for the answer; empty if unknown."""
    if measured.keeps_room is None:
        return ""
    if measured.keeps_room:
        return f"A prompt that leaves less than {measured.reserve} tokens for the answer is refused"
    return (
        f"A prompt that leaves less than {measured.reserve} tokens for the answer is taken, and the answer "
        "is cut off where the context ends"
    )


def summarise_measurement(measured: Measurement) -> str:
    """Say in one sentence how many rows agree, and by how much the others differ."""
    rows = len(measured.rows)
    error = measured.largest_error
    differing = (
        f"largest difference {error:,} tokens" if error is not None else "the box counts no tokens"
    )
    sure = sum(each.is_confirmed for each in measured.confirmed)
    return (
        f"{measured.agreeing} of {rows} rows as counted, {differing}; "
        f"{sure} of {len(measured.confirmed)} largest sizes confirmed"
    )


def report_page(report: LimitsReport) -> str:
    """Return all tables under headings, for `limits.md`."""
    parts = [
        "# What frames cost, and what fits\n",
        f"Profile `{report.profile}`; a prompt of {report.text} tokens, and a reserve of "
        f"{report.reserve} for the answer. The prompt takes {report.overhead} + text + vision tokens. "
        f"✓ fits, ~ fits, {NEAR_MEANS}, ✗ exceeds; the number is what is left, or too many.\n",
    ]
    for frames in report.frame_counts:
        parts += [f"## {frames_text(frames)}\n", size_table(report, frames), ""]
        parts += ["The largest size of a Full HD video and its like:\n"]
        parts += [largest_table(report, frames), ""]
    parts += ["## How many frames fit\n", frames_table(report), ""]
    if report.memories:
        parts += ["## GPU memory of a context length (KV cache)\n", memory_table(report), ""]
    if report.measurement:
        measured = report.measurement
        parts += [
            f"## Measured on {measured.box} ({measured.engine})\n",
            summarise_measurement(measured) + ".\n",
        ]
        parts += [f"{room}.\n"] if (room := room_text(measured)) else []
        parts += [confirmed_table(measured), "", measured_table(measured), ""]
    return "\n".join(parts)


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> str:
    """Format a table. The columns in `right`, counted from 0, are right-aligned."""
    numbers = set(right)
    rule = ["--:" if column in numbers else "---" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in (header, rule, *rows))


def _cell(text: str) -> str:
    """Format the text for a cell: in one line, with `|` escaped."""
    return " ".join(text.split()).replace("|", "\\|")
