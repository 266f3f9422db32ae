"""The texts of the live view: the facts of the current job, the start of the engine, the state of boxes."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from backend.box.status_text import (
    READY,
    away_words,
    gpus_text,
    hand_over_words,
    is_ready,
    jobs_text,
    stage_words,
)
from backend.events import BoxStatus, LinkState
from backend.specs.json_prompts import answer_lines
from backend.store import State
from backend.troubles.explain import explain_away
from tui.queue.columns import name_of
from tui.queue.job_states import is_starting, shown
from tui.queue.listing import (
    JobListing,
    count_states,
    count_without_model,
    seconds_left,
    total_rate,
)
from tui.state.live import START_STAGES, Live, LiveBox, LiveJob
from tui.text import MUTED, one_line, paragraphs, short_path
from tui.widgets.amounts import about, clock, counted, size
from tui.widgets.own_keys import key_of
from tui.widgets.status_text import link_parts

_LABEL = 10
_DOT = (" · ", "$foreground-disabled")
_SHORT = {"answering a first request": "first request"}
STAGES = tuple((stage, _SHORT.get(stage, stage)) for stage in START_STAGES)
"""The stages of an engine's start in their order, with their short names."""


def queue_title(listing: JobListing, *, held: bool) -> Content:
    """Say how many jobs are in which state, how fast they go, and when they will be done."""
    live = listing.live
    states = count_states(live.jobs.values())
    waiting = states[State.QUEUED] + states[State.PREPARING]
    without_model = count_without_model(live)
    counts = (
        (states[State.RUNNING] - without_model, "running", "$text-accent"),
        (without_model, "waiting for the model", "$text-warning"),
        (states[State.SENT], "on the box", ""),
        (waiting, "waiting", ""),
        (states[State.PAUSED], "paused", "$text-warning"),
        (states[State.FAILED], "failed", "$text-error"),
        (states[State.DONE], "done", "$text-success"),
        (states[State.CANCELLED], "cancelled", MUTED),
    )
    parts = [Content.styled(f"{count:,} {word}", colour) for count, word, colour in counts if count]
    if listing.marked:
        parts.append(Content.styled(f"{len(listing.marked):,} marked", "$text-accent"))
    if held:
        parts.append(Content.styled("‖ held: nothing new is sent", "bold $text-warning"))
    return Content.assemble(Content.styled("Queue  ", "bold"), Content.assemble(_DOT).join(parts))


def pace(live: Live) -> Content:
    """Say how many tokens all jobs write a second, and how long the rest will take."""
    rate, left = total_rate(live), seconds_left(live)
    parts = [f"{rate:,.0f} tok/s"] if rate else []
    if left is not None:
        parts.append(f"{about(left)} left")
    elif rate:
        parts.append("time left unknown until the first is done")
    return Content.styled("  ·  ".join(parts), MUTED)


def box_words(box: LiveBox, now: float) -> Content:
    """Return a line about a box: the state of its link, and what answers there or when the next try is."""
    glyph, state, colour = link_parts(box, now)
    words = [Content.assemble((glyph, colour), " ", (one_line(box.name), "bold"))]
    words.append(Content.styled(state or "not connected", colour))
    if box.link is LinkState.LIVE and box.stage not in ("", READY):
        stage = short_stage(stage_words(box.stage))
        is_whole = is_ready(box.stage)
        words.append(Content(stage) if is_whole else Content.styled(f"◐ {stage}", "$text-warning"))
    if box.hand_over is not None:
        words.append(Content.styled(hand_over_words(box.hand_over), "$text-accent"))
    if box.detail:
        words.append(Content.styled(one_line(box.detail.partition("\n")[0]), MUTED))
    if box.status is not None:
        words += [Content(one_line(part)) for part in _status_parts(box.status)]
    return Content("  ").join(words)


def _status_parts(status: BoxStatus) -> list[str]:
    return [part for part in (gpus_text(status.gpus), jobs_text(status)) if part]


def replicas_hint() -> Content:
    """Name the key that opens a box into its replicas."""
    return Content.styled(f"  {key_of('queue.replicas-of-the-box')} opens it", MUTED)


def short_stage(stage: str) -> str:
    """Return the short name of a stage."""
    return dict(STAGES).get(stage, one_line(stage))


def stepper(box: LiveBox, now: float) -> Content:
    """List the stages of the engine's start: the past ones, the present one, and how long each takes.

    Of a server that is away, say why, and when it is tried again.
    """
    if away := away_words(box.stage):
        title = Content.assemble(
            ("The model server is away on ", "bold"), (one_line(box.name), "bold")
        )
        lines = [title, Content.styled(one_line(away), "$text-warning")]
        if trouble := explain_away(away, box.name):
            lines.append(Content(one_line(f"{trouble.what} {trouble.why}")))
            lines.append(Content(f"→ {one_line(trouble.do)}"))
        return Content("\n").join(lines)
    names = [stage for stage, _ in STAGES]
    at = names.index(box.stage) if box.stage in names else -1
    began = min(box.stages.values(), default=now)
    lines = [
        Content.assemble(
            ("The model is starting on ", "bold"),
            (one_line(box.name), "bold"),
            (f"  {clock(now - began)}", MUTED),
        )
    ]
    if at < 0:
        return Content("\n").join([*lines, Content.styled(f"▶ {one_line(box.stage)}", "bold")])
    for position, (stage, short) in enumerate(STAGES):
        if position > at:
            lines.append(Content.styled(f"· {short}", MUTED))
            continue
        glyph, style = ("✓", "$text-success") if position < at else ("▶", "bold $text-accent")
        if stage not in box.stages and position < at:
            lines.append(Content.styled(f"✓ {short}", MUTED))  # skipped, or before we came
            continue
        lines.append(
            Content.assemble(
                (f"{glyph} {short:<18}", style), (f"{clock(_took(box, position, now)):>6}", MUTED)
            )
        )
    return Content("\n").join(lines)


def _took(box: LiveBox, position: int, now: float) -> float:
    """Return the seconds from the beginning of a stage to that of the next known one, or to now."""
    began = box.stages[STAGES[position][0]]
    later = [box.stages[stage] for stage, _ in STAGES[position + 1 :] if stage in box.stages]
    return min(later, default=now) - began


def heading(job: LiveJob, box: LiveBox | None) -> Content:
    """Return the name and the state of a job. `box` is the job's."""
    stands = shown(job, box)
    return Content.assemble((name_of(job), "bold"), "  ", (stands.text, stands.colour))


def facts(job: LiveJob, now: float, cwd: Path, width: int, *, brief: bool = False) -> Content:
    """List the facts about a job, all but its text. If `brief`, they take as few lines as possible, without
    labels.
    """
    lines: list[Content] = []
    if job.error:
        problem, _, remedy = job.error.partition("\n")
        lines += Content.styled(one_line(problem), "$text-error").wrap(width)
        if remedy.strip():
            lines += Content(f"→ {one_line(remedy.strip())}").wrap(width)
    elif job.note:
        lines += Content.styled(one_line(job.note), "$text-warning").wrap(width)
    if brief:
        values = [value for _, value in _facts(job, now, cwd)[:3]]
        return Content("\n").join([*lines, *Content.styled(" · ".join(values), MUTED).wrap(width)])
    for label, value in _facts(job, now, cwd):
        first, *rest = Content(value).wrap(max(10, width - _LABEL)) or [Content()]
        lines.append(Content.assemble((f"{label:<{_LABEL}}", MUTED), first))
        lines += [Content.assemble(" " * _LABEL, line) for line in rest]
    return Content("\n").join(lines)


def _facts(job: LiveJob, now: float, cwd: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if job.size_sent:
        sent = f"{counted(job.frames, 'frame')} of {job.size_sent.replace('x', '×')}"
        found.append(("sent", sent + (f", {size(job.image_bytes)}" if job.image_bytes else "")))
    if job.prompt_tokens is not None:
        found.append(("prompt", _prompt_tokens(job)))
    if job.tokens:
        found.append(("answer", _answer(job, now)))
    if job.attempt > 1:
        why = one_line(job.reason.partition("\n")[0])
        found.append(
            ("attempt", f"{job.attempt}; the one before: {why}" if why else str(job.attempt))
        )
    found.append(("box", one_line(" or ".join(job.job.boxes))))
    found.append(("result", short_path(job.job.destination, cwd)))
    return found


def _prompt_tokens(job: LiveJob) -> str:
    ours = f"{job.prompt_tokens:,} tokens by our count"
    if job.reported_tokens is None:
        return ours
    if job.reported_tokens == job.prompt_tokens:
        return f"{ours}, and by the engine's"
    return f"{ours}, {job.reported_tokens:,} by the engine's"


def _answer(job: LiveJob, now: float) -> str:
    parts = [counted(job.tokens, "token")]
    rate = job.rate(now)
    if rate is not None:
        parts.append(f"{rate:,.0f} a second")
    if job.began is not None:
        parts.append(clock(job.elapsed(now)))
    if job.finish_reason == "length":
        parts.append("cut off at the limit")
    return " · ".join(parts)


def answer_text(job: LiveJob, box: LiveBox | None, now: float) -> Content:
    """Return the text written so far, or what the job waits for."""
    if job.text and not (job.state is State.RUNNING and job.is_cut_off):
        return Content(paragraphs(answer_lines(job.text.lstrip())))
    if job.state.ended or job.state is State.PAUSED:
        return Content.styled(_without_text(job.state), MUTED)
    if box is not None and is_starting(box):
        return stepper(box, now)
    if box is not None and box.link not in (None, LinkState.LIVE):
        lines, again = [box_words(box, now)], key_of("queue.reconnect")
        if box.link is LinkState.STOPPED:
            lines.append(Content.styled(f"{again} tries again once that is mended.", MUTED))
        if box.link is LinkState.RETRYING:
            why = f"{again} tries at once. What the box has goes on there."
            lines.append(Content.styled(why, MUTED))
        return Content("\n").join(lines)
    state = State.SENT if job.state is State.RUNNING and job.is_cut_off else job.state
    return Content.styled(_without_text(state), MUTED)


def _without_text(state: State) -> str:
    """Say why a job in this state has no text, and which key helps."""
    retry = key_of("queue.retry")
    match state:
        case State.QUEUED:
            return "It waits for its turn."
        case State.PREPARING:
            return "Its frames are drawn, and sent when the box has room."
        case State.PAUSED:
            return f"It is paused: {key_of('queue.pause')} lets it go on."
        case State.SENT:
            return "The box has it and will begin when a slot is free."
        case State.RUNNING:
            return "The model reads the prompt and the frames …"
        case State.FAILED:
            return f"{retry} tries it again."
        case State.CANCELLED:
            return f"It was cancelled; {retry} queues it again."
        case State.DONE:
            return "It was done before; its file was written."
