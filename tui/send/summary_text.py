"""The texts of the upsample dialog about what would be queued, and what is refused."""

from __future__ import annotations

from textual.content import Content

from backend.config import Ahead
from backend.planning.admission import Ground, RefusedSpec
from backend.planning.costs import cost_text, drawn_again
from backend.planning.orders import Batch
from backend.planning.summary import Summary
from backend.results.replaced import words_on_replaced
from tui.text import MUTED, one_line
from tui.widgets.amounts import about, counted, size
from tui.widgets.own_keys import key_of

_MOST_NAMED = 200
"""How many refused specs are listed. Nobody reads more, and they would take long to wrap."""


def summary_text(summary: Summary) -> Content:
    """Describe what would be queued, and what it costs."""
    jobs = len(summary.orders)
    if not jobs:
        return Content.styled("Nothing can be queued.", "bold $text-error")
    times = f" × {jobs // summary.prompts}" if jobs > summary.prompts else ""
    lines = [
        Content.assemble(
            (counted(jobs, "job"), "bold"),
            (f"  {counted(summary.prompts, 'prompt')}{times}", MUTED),
        ),
        _line(f"{summary.prompt_tokens:,}", "tokens to read"),
        _line(f"≤ {summary.answer_tokens:,}", "tokens to write"),
        _line(*_bytes(summary)),
        _line(*_time(summary)),
    ]
    if summary.profiles:
        as_which = ", ".join(f"as {one_line(it)}: {n:,}" for it, n in summary.profiles.items())
        lines.append(Content.styled(as_which, MUTED))
    if summary.cost is not None:
        lines.append(_line(f"≤ {cost_text(summary.cost)}", _cost_words(summary)))
    if summary.replaced:
        lines.append(Content.styled(f"! {words_on_replaced(summary.replaced)}", "$text-warning"))
    return Content("\n").join(lines)


def ahead_text(batch: Batch, ahead: Ahead, holder: str) -> Content:
    """Say how much of the batch the box is given ahead of time. `holder` is the other process that works on
    the queue, if one does.
    """
    if holder:
        words = "The other upsample, which works on the queue, decides what its box is given."
    elif batch.fleet:
        words = "Each box takes as much as keeps it busy; the rest waits here."
    elif ahead.hands_over(batch.box_settings.host):
        words = "The box is given all of it at once; then this machine may be closed."
    else:
        words = "The box is given as much as keeps it busy; the rest waits here."
    return Content.styled(words, MUTED)


def refused_text(summary: Summary) -> Content:
    """List the refused specs by reason; empty when none is refused."""
    lines: list[Content] = []
    for ground, refused in summary.refused_by_ground().items():
        lines.append(
            Content.assemble(
                ("✗ ", "$text-error"),
                (f"{len(refused):,} {ground.value}", "bold"),
                (_what_helps(ground), MUTED),
            )
        )
        lines += [_reason(each) for each in refused[:_MOST_NAMED]]
        if len(refused) > _MOST_NAMED:
            lines.append(Content.styled(f"  … and {len(refused) - _MOST_NAMED:,} more", MUTED))
    return Content("\n").join(lines)


def _reason(refused: RefusedSpec) -> Content:
    why = refused.reason.partition("\n")[0]
    return Content.assemble("  ", one_line(refused.spec.name), (f": {one_line(why)}", MUTED))


def _what_helps(ground: Ground) -> str:
    if ground is Ground.UPSAMPLED:
        return f"  ({key_of('specs.upsampled-ones-too')} on the list of specs has it sent all the same)"
    return "  (`replace files` takes it all the same)" if ground.helped_by_force else ""


def _bytes(summary: Summary) -> tuple[str, str]:
    if not summary.bytes:
        return "0", "bytes of frames"
    if summary.bytes_are_exact:
        return size(summary.bytes), "of frames"
    return f"≈ {size(summary.bytes)}", "of frames, by a guess"


def _time(summary: Summary) -> tuple[str, str]:
    if summary.seconds is None or summary.pace.seconds_an_answer is None:
        return "?", "time: unknown yet"
    each = f"{summary.pace.seconds_an_answer:.1f} s each, {summary.pace.slots} at once"
    return about(summary.seconds).replace("about", "≈"), each


def _cost_words(summary: Summary) -> str:
    words = f"is what it costs{drawn_again(summary.draws)}"
    if summary.spend_limit and summary.cost and summary.cost > summary.spend_limit:
        return f"{words}; the box stops at {cost_text(summary.spend_limit)} a day"
    return words


def _line(amount: str, what: str) -> Content:
    return Content.assemble(f"{amount:>11} ", (what, MUTED))
