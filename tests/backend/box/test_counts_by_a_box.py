"""A box tells how many tokens its model server makes of texts, however many they are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.box import token_counts
from backend.box.asker import Asker, UnattendedAsker
from backend.box.link import Box, JournalCursor
from backend.box.token_counts import count_on_box
from backend.errors import BoxUnusable
from remote.protocol import Setup
from tests.support.near_box import NearBox, NearLink, serving_near

BOX = Box("h100", "gpu", Setup("/root", "sketch", "", 1.0))


@contextlib.asynccontextmanager
async def reachable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NearBox]:
    async with serving_near(folder / "box", 1) as near:

        @contextlib.asynccontextmanager
        async def open_link(
            box: Box, asker: Asker, seen: JournalCursor, *, look: bool
        ) -> AsyncIterator[NearLink]:
            assert look  # a dry run replaces no daemon
            async with near.open_link(box, asker, seen, look=look, on_stale=lambda _: None) as link:
                yield link

        monkeypatch.setattr(token_counts, "open_link", open_link)
        yield near


async def test_each_text_is_counted_and_what_cannot_be_counted_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [("be brief", f"{'dusk ' * number}") for number in range(50)]
    async with reachable(tmp_path, monkeypatch):
        asked = [*texts, ("", "long " * 1000)]
        counted = await count_on_box(BOX, UnattendedAsker(), asked)
        assert await count_on_box(BOX, UnattendedAsker(), []) == []
    assert counted == [*(number + 2 for number in range(50)), None]


async def test_a_box_of_an_earlier_version_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reachable(tmp_path, monkeypatch) as near:
        near.protocol = 6
        with pytest.raises(BoxUnusable, match="an earlier version"):
            await count_on_box(BOX, UnattendedAsker(), [("", "dusk")])
        assert {message.type for message in near.sent} == {"hello"}
