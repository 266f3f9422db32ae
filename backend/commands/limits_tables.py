"""Prints the report of `upsample limits` as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from backend.commands.verdict_text import verdict_legend, verdict_text
from backend.console import out, safe, table, warn
from backend.limits.markdown_tables import (
    SIGNS,
    confirmed_text,
    count_text,
    frames_text,
    room_text,
    size_text,
    summarise_measurement,
)
from backend.limits.measurement import Measurement
from backend.limits.reply import Reply, ReplyOutcome
from backend.limits.report import LimitsReport, gib_text
from backend.sizes import AspectRatio
from backend.tokens import Budget

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEAST_BAR, _LONGEST_BAR = 8, 40
_COLUMNS_WIDTH = 44
"""The columns of a row in the table of sizes, without the bar and the context lengths."""


def show_report(report: LimitsReport) -> None:
    """Print the whole report."""
    for frames in report.frame_counts:
        _show_sizes(report, frames)
        _show_largest(report, frames)
    _show_frames_and_memory(report)
    if report.measurement is not None:
        _show_measurement(report.measurement)


def _show_sizes(report: LimitsReport, frames: int) -> None:
    told = _measured(report, frames)
    columns = ["size", "", "tokens", "", "linear", *(["measured"] if told else [])]
    contexts = [_short(context) for context in report.contexts]
    out().print(Text(f"{frames_text(frames)} and a prompt of {report.text} tokens", "bold"))
    shown = table(*columns, *contexts, right=("tokens", "linear", "measured"))
    width = _bar_width(contexts, measured=bool(told))
    for row in (row for row in report.rows if row.frames == frames):
        budget = row.budgets[0]
        measured = [_measured_text(told.get(str(row.size)), budget)] if told else []
        shown.add_row(
            size_text(row.size),
            row.name,
            f"{'≈' if budget.estimated else ''}{budget.prompt_tokens:,}",
            _bar(budget, width),
            f"{row.linear:,}",
            *measured,
            *(_verdict(b) for b in row.budgets),
        )
    out().print(shown)
    _say(
        f"The bar is the context of {report.contexts[0]:,}. {verdict_legend()}; the reserve of "
        f"{report.reserve} is kept for the answer. linear: vision tokens by the rule of thumb."
    )
    if report.estimated:
        _say("≈ is an upper estimate: this model's own tokenizer is not known here.")
    out().print()


def _say(text: str) -> None:
    """Print a text, wrapped to the width of the terminal."""
    out().print(Text(text))


def _short(context: int) -> str:
    """Return a context length in short: "4k" for 4,096."""
    return f"{context // 1024}k" if context % 1024 == 0 else f"{context}"


def _measured(report: LimitsReport, frames: int) -> dict[str, int | None]:
    """Return the measured prompt tokens by size, for one number of frames."""
    if report.measurement is None:
        return {}
    return {
        str(row.size): row.reply.prompt_tokens
        for row in report.measurement.rows
        if row.frames == frames
    }


def _measured_text(told: int | None, budget: Budget) -> Text:
    if told is None:
        return Text("")
    agrees = told == budget.prompt_tokens or (budget.estimated and told < budget.prompt_tokens)
    return Text(f"{told:,}", "green" if agrees else "bold red")


def _verdict(budget: Budget) -> Text:
    style = verdict_text(budget.verdict).style
    return Text(SIGNS[budget.verdict], style)


def _bar_width(contexts: Sequence[str], *, measured: bool) -> int:
    taken = _COLUMNS_WIDTH + sum(len(text) + 2 for text in contexts) + (10 if measured else 0)
    return max(_LEAST_BAR, min(_LONGEST_BAR, out().width - taken))


def _bar(budget: Budget, width: int) -> Text:
    """Draw a prompt as a bar. The full width is the context; an arrow at its end marks a longer prompt."""
    style = verdict_text(budget.verdict).style
    if budget.prompt_tokens > budget.limit:
        return Text("█" * (width - 1) + "▶", style)
    eighths = round(budget.prompt_tokens * width * 8 / budget.limit)
    bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return Text(f"{bar:<{width}}", style)


def _show_largest(report: LimitsReport, frames: int) -> None:
    out().print(Text(f"The largest size for {frames_text(frames)} of Full HD", "bold"))
    shown = table("max_model_len", *(aspect.value for aspect in AspectRatio))
    for context in report.contexts:
        largest = [
            each
            for each in report.largest
            if (each.frames, each.max_model_len) == (frames, context)
        ]
        shown.add_row(
            f"{context:,}",
            *(
                Text(size_text(each.size), "" if each.above else "green" if each.size else "red")
                for each in largest
            ),
        )
    out().print(shown)
    out().print()


def _show_frames_and_memory(report: LimitsReport) -> None:
    out().print(Text("What a context length allows, and what it costs on the GPU", "bold"))
    sizes = [size for size, _ in report.most_frames]
    memory = ["a request", f"{report.max_num_seqs} requests"] if report.memories else []
    numbers = ["max_model_len", *(size_text(size) for size in sizes), *memory]
    shown = table(*numbers, right=numbers)
    for at, context in enumerate(report.contexts):
        costs = [gib_text(m) for m in _of(report, at)] if report.memories else []
        shown.add_row(
            f"{context:,}", *(f"{counts[at]:,}" for _, counts in report.most_frames), *costs
        )
    out().print(shown)
    _say("Under a size: the most frames of it that fit.")
    if report.memories:
        _say(
            f"KV cache: {report.bytes_per_token:,} bytes a token ({safe(report.memory_source)}). vLLM must "
            "have room for one request that fills the context; with less than for all, it works on fewer "
            "at once."
        )
        _say("A longer context for a box: upsample config set boxes.NAME.max_tokens 8192")
    out().print()


def _of(report: LimitsReport, at: int) -> tuple[int, int]:
    memory = report.memories[at]
    return memory.per_request, memory.most


def _sent_text(reply: Reply) -> Text:
    accepted = reply.outcome is ReplyOutcome.ACCEPTED
    told = count_text(reply.prompt_tokens) or str(reply.outcome)
    return Text(told, "green" if accepted else "red")


def _show_measurement(measured: Measurement) -> None:
    out().print(Text(safe(f"Measured on {measured.box} ({measured.engine})"), "bold"))
    columns = ("aspect", "accepted", "tokens", "refused", "", "sent", "its tokens")
    shown = table(*columns, right=("tokens", "its tokens"), long=("",))
    for each in measured.confirmed:
        style = "green" if each.is_confirmed else "red"
        sign = "✓" if each.is_confirmed else "✗"
        sent = each.sent_reply
        shown.add_row(
            each.aspect.value,
            size_text(each.accepted),
            count_text(each.accepted_tokens),
            size_text(each.refused) if each.refused else "nothing",
            Text(f"{sign} {safe(confirmed_text(each))}", style),
            size_text(each.sent),
            _sent_text(sent) if sent else Text(""),
        )
    out().print(shown)
    _say(
        "accepted: the largest size that is; refused: the next one; sent: what is sent, to leave "
        f"{measured.reserve} for the answer."
    )
    _say(f"{summarise_measurement(measured)}.")
    if room := room_text(measured):
        _say(f"{room}.")
    for row in measured.rows:
        if not row.agrees:
            size = f"{frames_text(row.frames)} of {row.size}" if row.size else "the prompt alone"
            told = row.reply.prompt_tokens
            counted = f"{row.budget.prompt_tokens:,} counted"
            said = f"{told:,} measured" if told is not None else row.reply.words
            warn(f"{size}: {counted}, {said}, {row.reply.outcome}")
