"""Waiting for what an app comes to, instead of for a time.

Textual's pilot takes a process for idle that uses no processor time for 20 ms. On a busy machine that may be
one that waits for a processor: then what a key asked for has not been done when `press` returns. And `pause`
ends with a layout, of which nobody has heard when it returns. A patient pilot returns when nothing is left
to do.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, TypeVar

import pytest
from textual._queue import Queue
from textual.app import App
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.screen import Screen

S = TypeVar("S", bound=Screen[Any])

PATIENCE = 90.0
"""Seconds that anything may take, on a machine with much else to do."""
_RESTS_WITHIN = 10.0
_POLL = 0.01
"""Seconds between two looks."""
_LOOKS = 2
"""In a row that find nothing left to do: between two messages, what is to be done next may be on its way."""


async def until(pilot: Pilot[None], holds: Callable[[], bool], what: str = "") -> None:
    """Let the app go on until this holds; fails when it never comes to that.

    `what` says it in words, where the failing line does not.
    """
    end = monotonic() + PATIENCE
    while not holds():
        if monotonic() > end:
            pytest.fail(f"after {PATIENCE:g} s it has not come to that{what and f': {what}'}")
        await pilot.pause(_POLL)
    await pilot.pause()


async def until_screen(pilot: Pilot[None], kind: type[S]) -> S:
    """The screen, once one of this kind is on top."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind), f"a {kind.__name__} is on top")
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    return screen


async def at_rest(app: App[Any]) -> None:
    """Let the app go on until no message is left, nothing moves, and all is laid out; for a while only, as
    something may never rest.

    Threads, workers and timers may still have something to say: for that there is `until`.
    """
    end = monotonic() + _RESTS_WITHIN
    quiet = 0
    while quiet < _LOOKS and not _is_over(app) and monotonic() < end:
        busy = next(_at_work(app), None)
        quiet = 0 if busy is not None else quiet + 1
        await asyncio.sleep(0 if busy is None else _POLL / 10)


def make_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, keys and pauses without a time last until what they lead to is done."""
    press, pause = Pilot.press, Pilot.pause

    async def press_patiently(pilot: Pilot[Any], *keys: str) -> None:
        for key in keys:
            await press(pilot, key)
            await at_rest(pilot.app)

    async def pause_patiently(pilot: Pilot[Any], delay: float | None = None) -> None:
        await pause(pilot, delay)
        if delay is None:
            await at_rest(pilot.app)

    async def go_on(*_: float) -> None:
        await asyncio.sleep(0)

    # These wait until the process is idle, 20 ms each time; `at_rest` knows what is left to do.
    monkeypatch.setattr("textual.app.wait_for_idle", go_on)
    monkeypatch.setattr("textual.pilot.wait_for_idle", go_on)
    monkeypatch.setattr(Pilot, "press", press_patiently)
    monkeypatch.setattr(Pilot, "pause", pause_patiently)


def _is_over(app: App[Any]) -> bool:
    return not app.is_running or app._exit or app._exception is not None


def _at_work(app: App[Any]) -> Iterator[object]:
    """Whoever has something to do."""
    if app.animator._animations or app.animator._scheduled:
        yield app.animator
    for pump in _pumps(app):
        if _has_messages(pump):
            yield pump
    for screen in app.screen_stack:
        if _is_due(screen):
            yield screen


def _is_due(screen: Screen[Any]) -> bool:
    """Whether there is something to lay out, or somebody who waits for that."""
    # Where the mouse is, is looked up after each frame, and may lead to the next one without end.
    if any("_update_mouse_over" not in repr(callback) for callback, _ in screen._callbacks):
        return True
    is_due = screen._layout_required or screen._scroll_required or screen._recompose_required
    return is_due and screen.is_current and not screen.app._batch_count


def _pumps(app: App[Any]) -> Iterator[MessagePump]:
    yield app
    for stack in app._screen_stacks.values():
        for screen in stack:
            yield from screen.walk_children(with_self=True)


def _has_messages(pump: MessagePump) -> bool:
    """Whether one waits for it, or is being worked on: then it does not wait for the next."""
    if pump._closed:
        return False
    queue: Queue[Any] = pump._message_queue
    waiting: deque[Future[bool]] = queue.ready_event._waiters
    return not queue.empty() or bool(pump._next_callbacks) or not waiting
