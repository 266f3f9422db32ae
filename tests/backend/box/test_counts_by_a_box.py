"""A box tells how many tokens its model server makes of texts, however many they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.box import token_counts
from backend.box.asker import UnattendedAsker
from backend.box.links.link import Box
from backend.box.token_counts import count_on_box
from backend.errors import BoxUnusable
from remote.protocol import Setup
from tests.support.near_box import looked_at

BOX = Box("h100", "gpu", Setup("/root", "sketch", "", 1.0))


async def test_each_text_is_counted_and_what_cannot_be_counted_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [("be brief", f"{'dusk ' * number}") for number in range(50)]
    async with looked_at(tmp_path, monkeypatch, token_counts):
        asked = [*texts, ("", "long " * 1000)]
        counted = await count_on_box(BOX, UnattendedAsker(), asked)
        assert await count_on_box(BOX, UnattendedAsker(), []) == []
    assert counted == [*(number + 2 for number in range(50)), None]


async def test_a_box_of_an_earlier_version_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with looked_at(tmp_path, monkeypatch, token_counts) as near:
        near.protocol = 6
        with pytest.raises(BoxUnusable, match="an earlier version"):
            await count_on_box(BOX, UnattendedAsker(), [("", "dusk")])
        assert {message.type for message in near.sent} == {"hello"}
