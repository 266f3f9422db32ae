"""Bisection with a guess, for a question that is dear to ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def find_last(count: int, guess: int, accepts: Callable[[int], Awaitable[bool]]) -> int:
    """The last of `count` that is accepted, where all before it are and none after it; -1 for none.

    `guess` and the one after it are asked first, which is all where the guess is right.
    """
    accepted, refused = -1, count
    tries = [guess, guess + 1]
    while refused - accepted > 1:
        at = tries.pop(0) if tries else (accepted + refused) // 2
        if not accepted < at < refused:
            continue
        if await accepts(at):
            accepted = at
        else:
            refused = at
    return accepted
