"""The rows in a SQLite file, page by page, where the trees that lead to them are damaged.

What follows is SQLite's file format (https://www.sqlite.org/fileformat2.html), as far as leaves of tables
need it. Rows that were deleted or moved may be found, too, and a row does not say of which table it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096
"""Bytes of a page, none of which is reserved."""

_HEADER = 100
"""Bytes of the file's header, at the beginning of the first page."""
_TABLE_LEAF = 13
_MOST_LOCAL = PAGE - 35
_LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
"""Bytes of a row that are on its page at most; and at least, when the rest is elsewhere."""
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_CONSTANTS = {0: None, 8: 0, 9: 1}

Value = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class RecoveredRow:
    """A row of some table."""

    number: int
    """Its rowid."""
    values: tuple[Value, ...]
    """In the order of the table's columns. Those that were added after it was written are missing, and one
    that is the rowid is None."""


def read_rows(path: Path) -> Iterator[RecoveredRow]:
    """Every row that can be made out. Raises OSError."""
    content = path.read_bytes()
    for start in range(0, len(content) - PAGE + 1, PAGE):
        head = start + (_HEADER if start == 0 else 0)
        if content[head] != _TABLE_LEAF:
            continue
        count = int.from_bytes(content[head + 3 : head + 5], "big")
        for cell in range(count):
            place = head + 8 + 2 * cell
            offset = int.from_bytes(content[place : place + 2], "big")
            if head - start + 8 <= offset < PAGE:
                try:
                    yield _row(content, start + offset, start + PAGE)
                except (ValueError, IndexError, struct.error):
                    continue  # it is none, or is damaged


def _row(content: bytes, place: int, end: int) -> RecoveredRow:
    size, place = _varint(content, place)
    number, place = _varint(content, place)
    local = _local(size)
    if place + local > end:
        raise ValueError("it does not end on its page")
    payload = content[place : place + local]
    if local < size:
        (overflow,) = struct.unpack_from(">I", content, place + local)
        payload += _overflow(content, overflow, size - local)
    return RecoveredRow(number, tuple(_values(payload)))


def _local(size: int) -> int:
    if size <= _MOST_LOCAL:
        return size
    local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE - 4)
    return local if local <= _MOST_LOCAL else _LEAST_LOCAL


def _overflow(content: bytes, page: int, size: int) -> bytes:
    if size > len(content):
        raise ValueError("it is longer than the file")
    parts = []
    while size > 0:
        start = (page - 1) * PAGE
        if page < 1 or start + PAGE > len(content):
            raise ValueError("it goes on outside the file")
        part = content[start + 4 : start + 4 + min(size, PAGE - 4)]
        parts.append(part)
        size -= len(part)
        (page,) = struct.unpack_from(">I", content, start)
    return b"".join(parts)


def _values(payload: bytes) -> Iterator[Value]:
    header, place = _varint(payload, 0)
    kinds = []
    while place < header:
        kind, place = _varint(payload, place)
        kinds.append(kind)
    place = header
    for kind in kinds:
        value, place = _value(payload, kind, place)
        yield value
    if place != len(payload):
        raise ValueError("it is not as long as it says")


def _value(payload: bytes, kind: int, place: int) -> tuple[Value, int]:
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], place
    if kind in _INTEGER_BYTES:
        end = place + _INTEGER_BYTES[kind]
        return int.from_bytes(payload[place:end], "big", signed=True), end
    if kind == 7:
        (number,) = struct.unpack_from(">d", payload, place)
        return float(number), place + 8
    if kind < 12:
        raise ValueError("there is no such kind of value")
    end = place + (kind - 12) // 2
    data = payload[place:end]
    return (data.decode() if kind % 2 else data), end


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """An integer of one to nine bytes, and where it ends."""
    value = 0
    for count in range(9):
        byte = content[place + count]
        if count == 8:
            return _signed(value << 8 | byte), place + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count + 1
    raise ValueError("it never ends")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
