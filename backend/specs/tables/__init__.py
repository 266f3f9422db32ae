"""Tables of prompts: CSV, TSV and Parquet, with a column for the prompt and perhaps one for the media.

A table is read row by row, and never held as a whole. It has no entries in the sense of `entries`: a row is
one. Its result is the same table with one more column.
"""

from __future__ import annotations

from pathlib import Path

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
"""File name endings of tables, in lower case."""


def is_table(file: Path) -> bool:
    """Whether the file's name is that of a table."""
    return file.suffix.lower() in TABLE_SUFFIXES
