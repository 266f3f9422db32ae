"""Many small pieces of text as few larger ones. A message costs the same however little it says: a frame, an
SSH packet with its checksum, JSON on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from remote.protocol import Delta, FromBox

LONGEST = 1 << 18
"""Characters of pieces that are made one; no app takes a message of any size."""


def merge_deltas(messages: Iterable[FromBox]) -> list[FromBox]:
    """The same, with each job's pieces that follow one another made one, where the first of them was.

    What is told of one job keeps its order. Where pieces were dropped in between, a new one begins.
    """
    told: list[FromBox | list[Delta]] = []
    last: dict[str, list[Delta]] = {}
    for message in messages:
        if not isinstance(message, Delta):
            told.append(message)
            continue
        row = last.get(message.job)
        if row is None or not _joins(message, row):
            row = last[message.job] = []
            told.append(row)
        row.append(message)
    return [_as_one(entry) if isinstance(entry, list) else entry for entry in told]


def _joins(piece: Delta, row: list[Delta]) -> bool:
    """Whether it goes on where these end, and the message does not become too large with it."""
    first, last = row[0], row[-1]
    follows = piece.attempt == last.attempt and piece.offset == last.offset + len(last.text)
    return follows and piece.offset + len(piece.text) - first.offset <= LONGEST


def _as_one(row: list[Delta]) -> Delta:
    return replace(row[0], text="".join(piece.text for piece in row))
