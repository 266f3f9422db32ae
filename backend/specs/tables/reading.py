"""Reads a table into Specs, one for each row, in parts, so that no table is held as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from backend.addresses import is_address, path_of_address
from backend.files import LFS_POINTER, NotRegular, open_regular
from backend.specs.fields import is_well_formed
from backend.specs.media_names import is_absolute, is_media
from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.specs.quoting import quoted
from backend.specs.source import FROM_LFS, reason
from backend.specs.tables.columns import ANY_COLUMNS, Columns, WantedColumns, choose_columns
from backend.specs.tables.csv_table import CsvTable
from backend.specs.tables.parquet_table import ParquetTable
from backend.specs.tables.rows import NoTableOfPrompts, OpenTable, TableFault, TableRow
from backend.specs.upsampled import is_json_object
from remote.protocol import well_formed

UPSAMPLED_COLUMN = "upsampled_prompt"
"""The name of the new column of a result."""
MOST_TABLE_BYTES = 256 * 1024 * 1024
"""The largest table that is read. Its result is written from memory."""
MOST_ROWS = 1_000_000
"""The most rows that are read of a table. Their prompts are kept, and a small Parquet may hold any number."""

_PART = 1_000
"""How many rows are returned together."""
_PATHS_KEPT = 4_096
_MOST_TOLD = 10
"""How many rows of a table that cannot be used are told by themselves."""

Finding = Spec | Skipped | BrokenSpec


def read_table(
    file: Path, cwd: Path, wanted: WantedColumns = ANY_COLUMNS
) -> Iterator[tuple[Finding, ...]]:
    """Yield the findings of a table in parts. It never raises for the content of a file."""
    findings = _findings(file, cwd, wanted)
    while part := tuple(islice(findings, _PART)):
        yield part


@contextmanager
def open_table(place: Path) -> Iterator[OpenTable]:
    """Open a table. Raises OSError, TableFault and NoTableOfPrompts."""
    with open_regular(place) as file:
        start = file.read(len(LFS_POINTER))
        if start == LFS_POINTER:
            raise NoTableOfPrompts(FROM_LFS)
        if not start.strip():
            raise NoTableOfPrompts("the file is empty")
        if os.fstat(file.fileno()).st_size > MOST_TABLE_BYTES:
            raise TableFault(f"larger than {MOST_TABLE_BYTES >> 20} MiB: split the table")
        file.seek(0)
        suffix = place.suffix.lower()
        yield (
            ParquetTable(file) if suffix == ".parquet" else CsvTable(file, is_tsv=suffix == ".tsv")
        )


def _findings(file: Path, cwd: Path, wanted: WantedColumns) -> Iterator[Finding]:
    try:
        place = cwd / file
        with open_table(place) as table:
            columns = choose_columns(table.header, wanted)
            if columns.video is None and table.media_within:
                raise TableFault(
                    f"column {quoted(table.media_within)} holds pictures or videos themselves, which "
                    "are not read: write them to files, and name these in a column of text"
                )
            yield from _Reader(file, place.parent, table.header, columns).findings(table)
    except NoTableOfPrompts as left:
        yield Skipped(file, str(left))
    except TableFault as fault:
        yield BrokenSpec(file, fault.line, str(fault))
    except (NotRegular, IsADirectoryError):
        yield Skipped(file, "not a regular file")
    except FileNotFoundError:
        yield BrokenSpec(file, 0, "there is no such file")
    except (OSError, ValueError) as error:
        yield BrokenSpec(file, 0, f"cannot be read: {reason(error)}")


class _Reader:
    """Makes a finding of each row."""

    def __init__(self, file: Path, folder: Path, header: Sequence[str], columns: Columns) -> None:
        self._file = file
        self._folder = folder
        self._header = header
        self._columns = columns
        self._stem = well_formed(file.stem)
        self._written = header.index(UPSAMPLED_COLUMN) if UPSAMPLED_COLUMN in header else None
        self._paths: dict[str, Path] = {}
        """Paths by their text: rows often share videos, and a look-up is faster than a new Path."""
        self._broken = 0
        self._empty = 0
        self._first_empty = 0

    def findings(self, table: OpenTable) -> Iterator[Finding]:
        """Yield the findings of all rows. What many rows share is told once, at the end."""
        rows = 0
        for row in table.rows():
            rows += 1
            if rows > MOST_ROWS:
                raise TableFault(f"only its first {MOST_ROWS:,} rows are read: split the table")
            try:
                spec = self._spec(row)
            except TableFault as fault:
                self._broken += 1
                if self._broken <= _MOST_TOLD:
                    yield BrokenSpec(self._file, row.line, str(fault))
                continue
            if spec is None:
                self._first_empty = self._first_empty or row.line
                self._empty += 1
            else:
                yield spec
        if self._broken > _MOST_TOLD:
            yield BrokenSpec(
                self._file, 0, f"{self._broken - _MOST_TOLD:,} more rows cannot be used"
            )
        if self._empty:
            count = "1 row holds" if self._empty == 1 else f"{self._empty:,} rows hold"
            where = f"(the first on line {self._first_empty:,})"
            yield Skipped(self._file, f"{count} neither a prompt nor a video {where}")
        if not rows:
            yield Skipped(self._file, "the table has no rows")

    def _spec(self, row: TableRow) -> Spec | None:
        """Return the spec of a row; None where there is nothing to upsample. Raises TableFault."""
        if row.problem:
            raise TableFault(row.problem)
        columns = self._columns
        prompt = row.cells[columns.prompt]
        written = "" if columns.video is None else row.cells[columns.video]
        video = (self._paths.get(written) or self._path(written)) if written.strip() else None
        if not is_well_formed(prompt):
            raise TableFault("its prompt holds half of a surrogate pair, which is no character")
        if video is None:
            self._refuse_unseen_media(row)
            if not prompt.strip():
                return None
        name = "" if columns.name is None else row.cells[columns.name].strip()
        done = "" if self._written is None else row.cells[self._written].strip()
        return Spec(
            format=SpecFormat.TABLE,
            file=self._file,
            entry=row.index,
            line=row.line,
            name=name if name and is_well_formed(name) else f"{self._stem}-{row.index + 1}",
            prompt=prompt,
            video=video,
            is_upsampled=bool(done) or is_json_object(prompt),
            written_prompt=done or None,
        )

    def _path(self, written: str) -> Path:
        if len(self._paths) >= _PATHS_KEPT:
            self._paths.clear()
        path = self._paths[written] = self._resolve(written)
        return path

    def _resolve(self, written: str) -> Path:
        if "\0" in written or not is_well_formed(written):
            raise TableFault(f"its video is no path: {quoted(written)}")
        if is_address(written):
            return path_of_address(written)
        path = written.replace("\\", "/")
        # What is not absolute stands below the folder, also a "~" that nobody expands.
        return Path(path) if is_absolute(written) else self._folder / path

    def _refuse_unseen_media(self, row: TableRow) -> None:
        """Raise TableFault for a row that names media in a column that is not looked at."""
        for position, cell in enumerate(row.cells):
            if cell and position != self._columns.prompt and is_media(self._header[position], cell):
                raise TableFault(
                    f"column {quoted(self._header[position])} names {quoted(cell)}, which would not be "
                    "looked at: --columns video=NAME names the column of the videos"
                )
