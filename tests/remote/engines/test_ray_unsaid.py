"""What a replica says of its answers: few messages, nothing lost, and each answer in its order."""

from __future__ import annotations

import asyncio
import time

from remote.engines.ray.messages import Done, Held, Piece, Text
from remote.engines.ray.unsaid import BUNCH_SECONDS, Unsaid

_LONG = 30.0


async def test_one_message_has_what_has_come_of_all_answers() -> None:
    unsaid = Unsaid()
    for piece in (Text(1, "a "), Text(2, "c "), Text(1, "b"), Held(2, 3.0, "full"), Text(2, "d")):
        unsaid.add(piece)
    taken = await unsaid.take(_LONG)
    assert taken == [Text(1, "a b"), Text(2, "c "), Held(2, 3.0, "full"), Text(2, "d")]


async def test_the_first_piece_is_said_at_once_and_the_next_ones_together() -> None:
    unsaid = Unsaid()
    unsaid.add(Text(1, "a"))
    assert await unsaid.take(_LONG) == [Text(1, "a")]
    began = time.monotonic()
    taking = asyncio.create_task(unsaid.take(_LONG))
    for _ in range(3):
        unsaid.add(Text(1, "b"))
        await asyncio.sleep(0)
    assert await taking == [Text(1, "bbb")]
    assert time.monotonic() - began >= BUNCH_SECONDS * 0.9


async def test_the_end_of_an_answer_says_how_many_pieces_were_said_before() -> None:
    unsaid = Unsaid()
    heard: list[Piece] = []
    for text in "ab":
        unsaid.add(Text(1, text))
        heard += await unsaid.take(_LONG)
    unsaid.add(Text(1, "c"))
    end = Done(1, "stop", 3, 3)
    assert unsaid.end(end) == (len(heard), [Text(1, "c"), end])
    assert await unsaid.take(0.0) == []
    assert unsaid.end(end) == (0, [end])


async def test_nothing_is_said_when_nothing_comes() -> None:
    assert await Unsaid().take(0.01) == []
