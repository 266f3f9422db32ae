"""Bisection that starts from a guess, for tests that are expensive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def find_last(count: int, guess: int, accepts: Callable[[int], Awaitable[bool]]) -> int:
    """Return the last of the indices 0 to `count` - 1 that `accepts` accepts; -1 for none.

    All indices before it must be accepted, and none after it. `guess` and the next index are tested first;
    where the guess is right, no other test is needed.
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
