"""The machine's processors are shared out among the drawings."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from backend.dispatch.preparing import processors
from backend.dispatch.preparing.processors import Processors, drawings_at_once

GIB = 1 << 30


def test_a_drawing_alone_gets_all_processors_and_many_get_one_thread_each() -> None:
    shared = Processors(4)
    with ExitStack() as running:
        assert [running.enter_context(shared.share()) for _ in range(6)] == [4, 2, 1, 1, 1, 1]
    with shared.share() as threads:
        assert threads == 4


@pytest.mark.parametrize(
    ("cores", "memory", "drawings"),
    [(1, 64 * GIB, 2), (8, 64 * GIB, 8), (8, 4 * GIB, 4), (8, GIB // 2, 2), (256, 900 * GIB, 32)],
)
def test_as_many_are_drawn_at_once_as_there_are_processors_and_memory_for(
    monkeypatch: pytest.MonkeyPatch, cores: int, memory: int, drawings: int
) -> None:
    monkeypatch.setattr(processors, "count_processors", lambda: cores)
    monkeypatch.setattr(os, "sysconf", lambda name: memory if name == "SC_PHYS_PAGES" else 1)
    assert drawings_at_once() == drawings
