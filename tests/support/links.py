"""Lets a dispatcher reach a stand-in for a box, in place of an SSH connection."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from backend.box.asker import Asker
from backend.box.links import reconnect
from backend.box.links.link import Box, JournalCursor, OnStale


def lead_to(box: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every link of this test lead to `box`, which has `welcome`, `send` and `messages`."""

    @contextlib.asynccontextmanager
    async def open_link(
        _box: Box, _asker: Asker, _seen: JournalCursor, *, look: bool, on_stale: OnStale
    ) -> AsyncIterator[object]:
        yield box

    monkeypatch.setattr(reconnect, "open_link", open_link)
