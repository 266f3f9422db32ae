"""Many small pieces of text as few larger ones. A message costs the same however little it says: a frame, an
SSH packet with its checksum, JSON on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from remote.protocol import Delta, FromBox


def joined(messages: Iterable[FromBox]) -> list[FromBox]:
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
        if row is None or not _follows(message, row[-1]):
            row = last[message.job] = []
            told.append(row)
        row.append(message)
    return [_as_one(entry) if isinstance(entry, list) else entry for entry in told]


def _follows(piece: Delta, before: Delta) -> bool:
    return piece.attempt == before.attempt and piece.offset == before.offset + len(before.text)


def _as_one(row: list[Delta]) -> Delta:
    return replace(row[0], text="".join(piece.text for piece in row))
