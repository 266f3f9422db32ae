"""Merges small Delta messages into fewer larger ones.

Each message has a fixed cost, however short its text is: a frame, an SSH packet with its checksum, and JSON
on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from remote.protocol import Delta, FromBox

LONGEST = 1 << 18
"""Characters that a merged Delta may have: apps limit the size of a message."""


def merge_deltas(messages: Iterable[FromBox]) -> list[FromBox]:
    """Return the messages with consecutive Deltas of a job merged at the position of the first one.

    The messages of one job keep their order. A gap, where Deltas were dropped, starts a new Delta.
    """
    merged: list[FromBox | list[Delta]] = []
    last: dict[str, list[Delta]] = {}
    for message in messages:
        if not isinstance(message, Delta):
            merged.append(message)
            continue
        row = last.get(message.job)
        if row is None or not _continues(message, row):
            row = last[message.job] = []
            merged.append(row)
        row.append(message)
    return [_merge(entry) if isinstance(entry, list) else entry for entry in merged]


def _continues(piece: Delta, row: list[Delta]) -> bool:
    """Return whether the Delta starts where the row ends, and the merged one stays within LONGEST."""
    first, last = row[0], row[-1]
    follows = piece.attempt == last.attempt and piece.offset == last.offset + len(last.text)
    return follows and piece.offset + len(piece.text) - first.offset <= LONGEST


def _merge(row: list[Delta]) -> Delta:
    return replace(row[0], text="".join(piece.text for piece in row))
