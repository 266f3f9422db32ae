"""Parquet, which pyarrow reads. It comes with the extra `tables`, and is imported for such a file alone.

Only the columns of text are looked at. The others are copied into a result as they are.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from backend.specs.tables.csv_table import MOST_ROW_BYTES
from backend.specs.tables.rows import NewCells, TableFault, TableRow

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 32
"""Rows that are read together: few, since one text of megabytes may be stored once for many rows."""
_MOST_TEXT = 256 * 1024 * 1024
"""The most characters of all rows. A file of kilobytes may unpack to any size."""
_BUFFER = 1 << 20
"""Bytes of a column that are read together."""
_PICTURES = frozenset({"image", "images", "video", "videos", "media", "clip"})
_HUGGING_FACE = b"huggingface"
"""The key of the schema's metadata under which the library datasets lists the columns."""


class ParquetTable:
    """An opened Parquet file."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the schema. Raises TableFault."""
        try:
            from pyarrow import parquet
        except ImportError:
            raise TableFault(
                'Parquet needs pyarrow, which is not installed: pip install "cosmos-upsample[tables]"'
            ) from None
        with _faults():
            self._file = parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
            self._schema: pa.Schema = self._file.schema_arrow
        for name, count in Counter(self._schema.names).items():
            if count > 1:
                raise TableFault(f"several columns are called {name!r}: rename them")
        self.header: Sequence[str] = [field.name for field in self._schema if _is_text(field.type)]
        self.media_within = next(
            (
                field.name
                for field in self._schema
                if field.name.casefold() in _PICTURES and not _is_text(field.type)
            ),
            "",
        )

    def rows(self) -> Iterator[TableRow]:
        """Yield the rows. Raises TableFault."""
        index = length = 0
        with _faults():
            for batch in self._file.iter_batches(_BATCH, columns=self.header, use_threads=False):
                for row in self._rows_of(batch, index):
                    length += MOST_ROW_BYTES if row.problem else sum(map(len, row.cells))
                    if length > _MOST_TEXT:
                        raise TableFault(
                            f"its texts unpack to more than {_MOST_TEXT >> 20} MiB: split the table"
                        )
                    yield row
                    index += 1

    def with_column(self, name: str, cells_for: Callable[[TableRow], NewCells]) -> bytes:
        """Return the whole file with one more column, in the same row groups. Raises TableFault."""
        import pyarrow as pa
        from pyarrow import parquet

        field = pa.field(name, pa.string())
        schema = self._schema.append(field).with_metadata(
            _with_feature(self._schema.metadata, name)
        )
        out, index = io.BytesIO(), 0
        with (
            _faults(),
            parquet.ParquetWriter(out, schema, compression=self._compression()) as writer,
        ):
            for number in range(self._file.num_row_groups):
                group = self._file.read_row_group(number, use_threads=False)
                rows = self._rows_of(group.select(self.header), index)
                new = [NewCells("") if row.problem else cells_for(row) for row in rows]
                index += len(new)
                added = pa.array([each.added or None for each in new], pa.string())
                whole = self._with_changed(group, new).append_column(field, added)
                writer.write_table(
                    whole.replace_schema_metadata(schema.metadata), max(1, whole.num_rows)
                )
        return out.getvalue()

    def _with_changed(self, group: pa.Table, new: Sequence[NewCells]) -> pa.Table:
        """Return a row group with the changed cells of its rows."""
        import pyarrow as pa

        for position in sorted({position for each in new for position in each.changed}):
            place = group.schema.get_field_index(self.header[position])
            kept = group.column(place).to_pylist()
            cells = [each.changed.get(position, cell) for each, cell in zip(new, kept, strict=True)]
            of_column = group.schema.field(place)
            group = group.set_column(place, of_column, pa.array(cells).cast(of_column.type))
        return group

    def _rows_of(self, part: pa.RecordBatch | pa.Table, first: int) -> Iterator[TableRow]:
        columns: list[list[str | None]] = [column.to_pylist() for column in part.columns]
        for index, row in enumerate(zip(*columns, strict=True), first):
            cells = [cell or "" for cell in row]
            problem = ""
            if sum(map(len, cells)) > MOST_ROW_BYTES:
                cells, problem = [], f"the row is longer than {MOST_ROW_BYTES >> 20} MiB"
            yield TableRow(index, index + 1, cells, problem)

    def _compression(self) -> str:
        metadata = self._file.metadata
        if not metadata.num_row_groups:
            return "snappy"
        written: str = metadata.row_group(0).column(0).compression
        return "none" if written == "UNCOMPRESSED" else written


@contextmanager
def _faults() -> Iterator[None]:
    """Turn what pyarrow raises into TableFault."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise TableFault(f"not read as Parquet: {problem}") from None


def _is_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _with_feature(metadata: dict[bytes, bytes] | None, name: str) -> dict[bytes, bytes] | None:
    """Add the new column to the list of the library datasets, which otherwise refuses the file."""
    if metadata is None or _HUGGING_FACE not in metadata:
        return metadata
    try:
        listed = json.loads(metadata[_HUGGING_FACE])
        listed["info"]["features"][name] = {"dtype": "string", "_type": "Value"}
    except (ValueError, LookupError, TypeError):
        return metadata
    return {**metadata, _HUGGING_FACE: json.dumps(listed).encode()}
