"""The format of the journal's file, and how whole records are found among damaged bytes.

A record is four bytes of length, four of CRC32 (both big-endian, the checksum over the JSON) and a JSON
object that begins with its `seq`. Each seq is higher than the one before it. JSON has no byte below 0x20, so
no text of a user can look like the head of a record.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from remote.protocol import MAX_MESSAGE, Json

_HEAD = 8
_BEGINNING = b'{"seq":'
_BEYOND_SEQS = 1 << 62
"""Seqs are below this. No journal reaches it, and the next seq still fits into 64 bits."""
_CHUNK = 1 << 20

Read = Callable[[int, int], bytes]
"""A function of offset and size that returns so many bytes of the file; fewer only at its end."""


class RecordTooLarge(Exception):
    """A record is larger than the limit."""


@dataclass(frozen=True)
class Record:
    """One record: its position in the file and its content."""

    offset: int
    """The byte at which it starts."""
    size: int
    """Its number of bytes, head included."""
    body: Mapping[str, Json]

    @property
    def seq(self) -> int:
        return cast(int, self.body["seq"])

    @property
    def end(self) -> int:
        """The offset after its last byte."""
        return self.offset + self.size


@dataclass(frozen=True)
class Damage:
    """A part of the file that holds no record, or records whose seq is not higher than the one before."""

    offset: int
    size: int
    torn: bool
    """True at the end of the file: the box went down while it wrote a record."""


def encode_record(body: Mapping[str, Json], most: int = MAX_MESSAGE) -> bytes:
    """Return the bytes of a record in the file. `body` must begin with `seq`. Raises RecordTooLarge."""
    data = json.dumps(body, separators=(",", ":")).encode()
    if len(data) > most:
        raise RecordTooLarge(f"a record of {len(data):,} bytes is over the limit of {most:,}")
    return len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big") + data


def scan(data: bytes) -> tuple[list[Record], list[Damage]]:
    """Return the records in a journal's bytes and the damaged parts between them, both in order."""
    found = list(walk(lambda offset, size: data[offset : offset + size], len(data)))
    records = [part for part in found if isinstance(part, Record)]
    return records, [part for part in found if isinstance(part, Damage)]


def walk(read: Read, end: int, start: int = 0, last: int = -1) -> Iterator[Record | Damage]:
    """Yield the records from `start` to `end` and the damaged parts between them, in order.

    One record is in memory at a time. `last` is the seq of the record before `start`.
    """
    while start < end:
        record = record_at(read, start, end)
        if record is None or record.seq <= last:
            record = _next_record(read, start + 1, end, last)
            until = end if record is None else record.offset
            yield Damage(start, until - start, torn=until == end)
            start = until
        if record is not None:
            yield record
            start, last = record.end, record.seq


def record_at(read: Read, offset: int, end: int) -> Record | None:
    """Return the record that starts at `offset`; None when no whole record starts there."""
    head = read(offset, _HEAD)
    length = int.from_bytes(head[:4], "big")
    if length > MAX_MESSAGE or offset + _HEAD + length > end:
        return None
    body = read(offset + _HEAD, length)
    if not body.startswith(_BEGINNING) or zlib.crc32(body) != int.from_bytes(head[4:], "big"):
        return None
    try:
        value = cast(Json, json.loads(body))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    seq = value.get("seq")
    if type(seq) is not int or not 0 <= seq < _BEYOND_SEQS:
        return None
    return Record(offset, _HEAD + length, value)


def _next_record(read: Read, start: int, end: int, last: int) -> Record | None:
    """Find the first whole record from `start` on with a seq above `last`."""
    while window := read(start, min(_CHUNK, end - start)):
        at = window.find(_BEGINNING, _HEAD)
        while at >= 0:
            record = record_at(read, start + at - _HEAD, end)
            if record is not None and record.seq > last:
                return record
            at = window.find(_BEGINNING, at + 1)
        if start + len(window) >= end:
            break
        # Windows overlap, so that a head that one window's end cuts is whole in the next.
        start += len(window) - _HEAD - len(_BEGINNING) + 1
    return None
