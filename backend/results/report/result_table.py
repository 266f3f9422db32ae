"""Writes results as a table, for those who count: CSV or Parquet, a row for each result.

The names of the columns are an interface: docs/report.md tells them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from backend.errors import InputError
from backend.results.report.reported import Reported, ReportedPrompt, ReportedResult
from backend.results.word_diff import words
from remote.protocol import well_formed

if TYPE_CHECKING:
    import pyarrow as pa

Cell = str | int | float | None
_BATCH = 500
"""Rows that are written together."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How the text of a cell begins that a spreadsheet takes for a formula."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the table."""

    name: str
    kind: type[str] | type[int] | type[float]
    value: Callable[[ReportedPrompt, ReportedResult], Cell]


COLUMNS = (
    ResultColumn("job", int, lambda _, r: r.number),
    ResultColumn("name", str, lambda p, _: p.name),
    ResultColumn("file", str, lambda p, _: str(p.file)),
    ResultColumn("entry", int, lambda p, _: p.entry),
    ResultColumn("candidate", int, lambda _, r: r.made.candidate),
    ResultColumn("decision", str, lambda _, r: str(r.decision) if r.decision else None),
    ResultColumn("rating", int, lambda _, r: r.made.rating),
    ResultColumn("note", str, lambda _, r: r.made.note or None),
    ResultColumn("original", str, lambda p, _: p.original),
    ResultColumn("prompt", str, lambda _, r: r.text),
    ResultColumn("negative_prompt", str, lambda _, r: r.made.negative_prompt or None),
    ResultColumn(
        "original_words", int, lambda p, _: None if p.original is None else len(words(p.original))
    ),
    ResultColumn("prompt_words", int, lambda _, r: r.word_count),
    ResultColumn("lints", str, lambda _, r: "; ".join(dict.fromkeys(x.kind for x in r.lints))),
    ResultColumn("model", str, lambda _, r: r.made.model or None),
    ResultColumn("engine", str, lambda _, r: r.made.engine or None),
    ResultColumn("box", str, lambda _, r: r.made.box or None),
    ResultColumn("profile", str, lambda _, r: r.made.profile or None),
    ResultColumn("media", str, lambda _, r: r.made.media or None),
    ResultColumn("media_files", str, lambda p, _: "; ".join(map(str, p.media)) or None),
    ResultColumn("frames", int, lambda _, r: len(r.made.frames)),
    ResultColumn("size_sent", str, lambda _, r: r.made.size_sent or None),
    ResultColumn("seed", int, lambda _, r: r.made.seed),
    ResultColumn("temperature", float, lambda _, r: r.made.temperature),
    ResultColumn("tokens_estimated", int, lambda _, r: r.made.estimated_tokens),
    ResultColumn("tokens_reported", int, lambda _, r: r.made.reported_tokens),
    ResultColumn("token_limit", int, lambda p, _: p.token_limit),
    ResultColumn("answer_tokens", int, lambda _, r: r.made.answer_tokens),
    ResultColumn("answer_limit", int, lambda _, r: r.made.answer_limit),
    ResultColumn("finish_reason", str, lambda _, r: r.made.finish_reason or None),
    ResultColumn("seconds", float, lambda _, r: r.made.seconds),
    ResultColumn("cost", float, lambda _, r: r.made.cost),
    ResultColumn("ended", str, lambda _, r: r.made.ended or None),
    ResultColumn("identity", str, lambda _, r: r.made.identity or None),
    ResultColumn("program", str, lambda _, r: r.made.program or None),
)


def write_csv_table(file: BinaryIO, reported: Reported) -> None:
    """Write the results as CSV in UTF-8, with a header. Blocks; raises OSError.

    The text of a cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS])
    for row in _rows(reported):
        writer.writerow([_harmless(cell) for cell in row])
    text.detach()


def require_parquet() -> None:
    """Raise InputError where Parquet cannot be written, because pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise InputError(
            "Parquet needs pyarrow, which is not installed",
            'pip install "cosmos-upsample[tables]"',
        ) from None


def write_parquet_table(file: BinaryIO, reported: Reported) -> None:
    """Write the results as Parquet. Blocks; raises OSError. See `require_parquet`."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    rows = _rows(reported)
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            columns = [list(column) for column in zip(*batch, strict=True)]
            writer.write_table(pa.table(columns, schema=schema))


def _rows(reported: Reported) -> Iterator[Sequence[Cell]]:
    for prompt in reported.prompts:
        for result in prompt.results:
            cells = [column.value(prompt, result) for column in COLUMNS]
            yield [well_formed(cell) if isinstance(cell, str) else cell for cell in cells]


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
