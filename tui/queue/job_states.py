"""What a job of this session shows of its state: more than the queue says, by what was heard of it."""

from __future__ import annotations

from backend.box.status_text import away_words, is_ready
from backend.events import LinkState
from backend.store import State
from tui.queue.state_signs import STATES, StateSign
from tui.state.live import LiveBox, LiveJob

_WRITING = StateSign("▶", "writing", "running")
_READY = StateSign("◦", "ready", "going")
_AWAY = StateSign("◌", "model away", "paused")
_STARTING = StateSign("◐", "starting", "going")


def is_starting(box: LiveBox | None) -> bool:
    """Return whether the engine on the box is starting, or its server is away."""
    if box is None or box.link is not LinkState.LIVE:
        return False
    return bool(box.stage) and not is_ready(box.stage)


def waits_for_model(job: LiveJob, box: LiveBox | None) -> bool:
    """Return whether the box has begun with a job whose model is not there."""
    is_written = bool(job.text) and not job.is_cut_off
    return job.state is State.RUNNING and not is_written and is_starting(box)


def shown(job: LiveJob, box: LiveBox | None = None) -> StateSign:
    """Return the sign for a job, from what is known of its box. An engine first reads the prompt and the
    frames, and then writes.
    """
    if box is not None and waits_for_model(job, box):
        return _AWAY if away_words(box.stage) else _STARTING
    if job.state is State.RUNNING and job.is_cut_off:
        return STATES[State.SENT]
    if job.state is State.RUNNING and job.text:
        return _WRITING
    if job.state is State.PREPARING and job.is_prepared:
        return _READY
    return STATES[job.state]
