"""Reads rows from the pages of a SQLite file whose b-trees are damaged.

It knows SQLite's file format (https://www.sqlite.org/fileformat2.html) as far as the leaf pages of tables
need it. It may also find rows that were deleted or moved, and a row does not say to which table it belongs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096
"""Size of a page in bytes; none of them is reserved."""

_HEADER = 100
"""Size of the file's header in bytes; it is at the beginning of the first page."""
_TABLE_LEAF = 13
_MOST_LOCAL = PAGE - 35
_LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
"""The most bytes of a row that its page holds, and the fewest when the rest is on overflow pages."""
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_CONSTANTS = {0: None, 8: 0, 9: 1}

Value = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class RecoveredRow:
    """A row of some table."""

    number: int
    """The rowid."""
    values: tuple[Value, ...]
    """Values in the order of the table's columns. Columns that were added after the row was written are
    missing; a column that is the rowid is None."""


def read_rows(path: Path) -> Iterator[RecoveredRow]:
    """Return every row that can be decoded. Raises OSError."""
    content = path.read_bytes()
    for start in range(0, len(content) - PAGE + 1, PAGE):
        head = start + (_HEADER if start == 0 else 0)
        if content[head] != _TABLE_LEAF:
            continue
        count = int.from_bytes(content[head + 3 : head + 5], "big")
        for cell in range(count):
            position = head + 8 + 2 * cell
            offset = int.from_bytes(content[position : position + 2], "big")
            if head - start + 8 <= offset < PAGE:
                try:
                    yield _row(content, start + offset, start + PAGE)
                except (ValueError, IndexError, struct.error):
                    continue  # not a row, or a damaged one


def _row(content: bytes, position: int, end: int) -> RecoveredRow:
    size, position = _varint(content, position)
    number, position = _varint(content, position)
    local = _local(size)
    if position + local > end:
        raise ValueError("it does not end on its page")
    payload = content[position : position + local]
    if local < size:
        (overflow,) = struct.unpack_from(">I", content, position + local)
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
    header, position = _varint(payload, 0)
    kinds = []
    while position < header:
        kind, position = _varint(payload, position)
        kinds.append(kind)
    position = header
    for kind in kinds:
        value, position = _value(payload, kind, position)
        yield value
    if position != len(payload):
        raise ValueError("it is not as long as it says")


def _value(payload: bytes, kind: int, position: int) -> tuple[Value, int]:
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], position
    if kind in _INTEGER_BYTES:
        end = position + _INTEGER_BYTES[kind]
        return int.from_bytes(payload[position:end], "big", signed=True), end
    if kind == 7:
        (number,) = struct.unpack_from(">d", payload, position)
        return float(number), position + 8
    if kind < 12:
        raise ValueError("there is no such kind of value")
    end = position + (kind - 12) // 2
    data = payload[position:end]
    return (data.decode() if kind % 2 else data), end


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Decode an integer of one to nine bytes; returns it and the position after it."""
    value = 0
    for count in range(9):
        byte = content[position + count]
        if count == 8:
            return _signed(value << 8 | byte), position + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + count + 1
    raise ValueError("it never ends")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
