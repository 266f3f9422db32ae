"""Shares the machine's processors out: how many jobs have their frames drawn at the same time, with how many
threads each.

For many short clips, one ffmpeg for each processor with one thread is quickest. A drawing that is alone gets
all processors, because the decoder's threads shorten the wait for a long video.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_LEAST, _MOST = 2, 32
"""How few and how many drawings run at the same time, however many processors there are."""
_MEMORY_OF_ONE = 512 << 20
"""Bytes that one ffmpeg may take: it keeps some 20 pictures, and one of 3840×2160 has 12 MB."""


def count_processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no such function
        return os.cpu_count() or 1


def drawings_at_once() -> int:
    """Return how many drawings run at the same time: one a processor, in half of the memory at most."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(max(_LEAST, min(count_processors(), memory // 2 // _MEMORY_OF_ONE)), _MOST)


class Processors:
    """Gives each drawing its number of threads."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count_processors() if count is None else count
        self._drawings = 0

    @contextmanager
    def share(self) -> Iterator[int]:
        """Give the drawing in this block its threads: as many as processors are left for each that runs."""
        self._drawings += 1
        try:
            yield max(1, self._count // self._drawings)
        finally:
            self._drawings -= 1
