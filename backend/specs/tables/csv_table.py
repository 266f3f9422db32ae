"""CSV and TSV: divided into records by their own bytes, so that a result keeps every byte of its table.

The standard reader parses each record by itself. It cannot divide the file: after a cell that is too long,
or a quotation mark that is never closed, it does not find the next record.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from backend.specs.tables.rows import NewCells, TableFault, TableRow

MOST_ROW_BYTES = 4 * 1024 * 1024
"""The most bytes of one row. A prompt has some hundred."""
MOST_LINES_IN_VAIN = 100_000
"""The most lines of one file that are read ahead for the ends of cells that have none."""
_QUOTED = re.compile(rb'"[^"]*"')
_SEPARATOR_LINE = re.compile(rb"sep=(.)\r?\n", re.IGNORECASE)
_DELIMITERS = (b",", b";", b"\t", b"|")

csv.field_size_limit(MOST_ROW_BYTES)


class _Unreadable(TableFault):
    """One row cannot be read. The others can."""


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """A part of the file that holds one row, with the end of its line."""

    line: int
    data: bytes
    """Empty for a record that is too long."""
    end: int
    """The position in the file after the record."""
    problem: str = ""


class CsvTable:
    """An opened CSV or TSV file."""

    media_within = ""

    def __init__(self, file: BinaryIO, *, is_tsv: bool) -> None:
        """Read the header. Raises TableFault."""
        self._file = file
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise TableFault("it is UTF-16: save the table as UTF-8", 1)
        self._at = len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0
        self._line = 1
        self._lines_in_vain = 0
        file.seek(self._at)
        first = file.readline(MOST_ROW_BYTES)
        file.seek(self._at)
        separator = _SEPARATOR_LINE.fullmatch(first)
        if separator:  # Excel's own way to say it
            self._at, self._line = self._at + len(first), 2
            file.seek(self._at)
            first = file.readline(MOST_ROW_BYTES)
            file.seek(self._at)
        if b"\r" in first.rstrip(b"\r\n") and b"\n" not in first:
            raise TableFault("its lines end with CR alone: save the table with LF or CR LF", 1)
        self.delimiter = separator[1] if separator else (b"\t" if is_tsv else _delimiter_of(first))
        header = next(self.records(), None)
        if header is None:
            raise TableFault("the table is empty", 1)
        self.header_end = header.end
        if header.problem:
            raise TableFault(header.problem, header.line)
        self.header: Sequence[str] = [name.strip() for name in self._cells(header)]

    def records(self) -> Iterator[CsvRecord]:
        """Yield the records from here on; the first is the header. Blank lines are left out.

        Raises TableFault where many quotation marks are never closed.
        """
        while first := self._file.readline(MOST_ROW_BYTES + 1):
            line, self._line = self._line, self._line + 1
            if len(first) > MOST_ROW_BYTES:
                self._at += len(first) + self._skip_line(first)
                mib = MOST_ROW_BYTES >> 20
                yield CsvRecord(line, b"", self._at, f"the row is longer than {mib} MiB")
                continue
            rest = self._rest_of_record(first)
            if rest is None:
                if self._lines_in_vain > MOST_LINES_IN_VAIN:
                    raise TableFault("many quotation marks are never closed", line)
                self._at += len(first)
                self._file.seek(self._at)
                yield CsvRecord(line, first, self._at, "a quotation mark is never closed")
                continue
            data = first + rest
            self._line += rest.count(b"\n")
            self._at += len(data)
            if data.strip():
                yield CsvRecord(line, data, self._at)

    def rows(self) -> Iterator[TableRow]:
        """Yield the rows. Raises TableFault."""
        for index, record in enumerate(self.records()):
            try:
                yield TableRow(index, record.line, self._row_cells(record))
            except _Unreadable as fault:
                yield TableRow(index, record.line, (), str(fault))

    def with_column(self, name: str, cells_for: Callable[[TableRow], NewCells]) -> bytes:
        """Return the whole file with one more column. Rows that cannot be read stay as they are."""
        out = io.BytesIO()
        out.write(self._with_cell(self._bytes(0, self.header_end), name))
        at = self.header_end
        for index, record in enumerate(self.records()):
            try:
                new = cells_for(TableRow(index, record.line, self._row_cells(record)))
                out.write(self._bytes(at, record.end - len(record.data)))  # blank lines
                data = self._with_changed(record.data, new.changed)
                out.write(self._with_cell(data, new.added))
            except _Unreadable:
                out.write(self._bytes(at, record.end))
            at = record.end
        out.write(self._bytes(at, os.fstat(self._file.fileno()).st_size))
        return out.getvalue()

    def _with_cell(self, raw: bytes, cell: str) -> bytes:
        """Return these bytes, which end with a record, with one more cell."""
        body = raw.rstrip(b"\r\n")
        return b"".join((body, self.delimiter, self._written(cell), raw[len(body) :]))

    def _with_changed(self, data: bytes, changed: Mapping[int, str]) -> bytes:
        """Return the bytes of a record with other cells in these positions."""
        if not changed:
            return data
        body = data.rstrip(b"\r\n")
        parts, at = [], 0
        for position, (start, end) in enumerate(_spans(body, self.delimiter)):
            if position in changed:
                is_quoted = body.startswith(b'"', start)
                parts += [body[at:start], self._written(changed[position], is_quoted=is_quoted)]
                at = end
        return b"".join((*parts, data[at:]))

    def _written(self, cell: str, *, is_quoted: bool = False) -> bytes:
        written = cell.encode()
        if (
            is_quoted
            or any(mark in written for mark in (self.delimiter, b'"', b"\r", b"\n"))
            or cell != cell.strip()
        ):
            return b'"' + written.replace(b'"', b'""') + b'"'
        return written

    def _bytes(self, start: int, end: int) -> bytes:
        return os.pread(self._file.fileno(), end - start, start)

    def _row_cells(self, record: CsvRecord) -> list[str]:
        """Parse a record that is a row. Raises TableFault."""
        cells = self._cells(record)
        if len(cells) != len(self.header):
            raise _Unreadable(
                f"the row has {len(cells)} cells, and the header {len(self.header)}: a cell that holds "
                f"{self.delimiter.decode()!r} must be in quotation marks",
                record.line,
            )
        return cells

    def _cells(self, record: CsvRecord) -> list[str]:
        """Parse a record. Raises TableFault."""
        if record.problem:
            raise _Unreadable(record.problem, record.line)
        try:
            text = record.data.decode("utf-8")
            cells = next(csv.reader([text], delimiter=self.delimiter.decode()))
        except UnicodeDecodeError as error:
            problem = f"not UTF-8: byte {error.start} of the row: save the table as UTF-8"
            raise _Unreadable(problem, record.line) from None
        except csv.Error as error:
            raise _Unreadable(f"not read as CSV: {error}", record.line) from None
        if "\0" in text:
            raise _Unreadable("not text: a byte is zero", record.line)
        return cells

    def _rest_of_record(self, first: bytes) -> bytes | None:
        """Return the further lines of a record that begins with this one; None if they have no end."""
        if b'"' not in first:
            return b""
        is_open = _is_open_after(first, self.delimiter, is_open=first.startswith(b'"'), at=1)
        rest: list[bytes] = []
        size = len(first)
        while is_open:
            more = self._file.readline(MOST_ROW_BYTES + 1 - size)
            size += len(more)
            if not more or size > MOST_ROW_BYTES:
                self._lines_in_vain += len(rest)
                return None
            rest.append(more)
            is_open = _is_open_after(more, self.delimiter, is_open=True, at=0)
        return b"".join(rest)

    def _skip_line(self, begun: bytes) -> int:
        """Read on to the end of a line, and return the number of bytes."""
        skipped = 0
        while begun and not begun.endswith(b"\n"):
            begun = self._file.readline(1 << 20)
            skipped += len(begun)
        return skipped


def _delimiter_of(header: bytes) -> bytes:
    bare = _QUOTED.sub(b"", header)
    return max(_DELIMITERS, key=bare.count)


def _spans(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Yield the place of each cell of a record, with its quotation marks."""
    start = 0
    while start <= len(body):
        at = start
        if body.startswith(b'"', at):
            at += 1
            while (at := body.find(b'"', at) + 1) and body.startswith(b'"', at):
                at += 1
        end = body.find(delimiter, at)
        end = len(body) if end < 0 else end
        yield start, end
        start = end + 1


def _is_open_after(line: bytes, delimiter: bytes, *, is_open: bool, at: int) -> bool:
    """Whether a quoted cell goes on after this line. Only a quotation mark at a cell's start opens one.

    `is_open` says so of position `at`; where it is not, the search begins at 0.
    """
    at = at if is_open else 0
    while True:
        if is_open:
            at = line.find(b'"', at) + 1
            if at == 0:
                return True
            if line[at : at + 1] == b'"':
                at += 1
                continue
            is_open = False
        else:
            at = line.find(delimiter, at) + 1
            if at == 0:
                return False
            if line[at : at + 1] == b'"':
                is_open, at = True, at + 1
