"""The values that reading a table exchanges, whatever kind of table it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class TableFault(Exception):
    """A table cannot be used. `str` says why."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line
        """The line of the problem, from 1; 0 for the file as a whole."""


class NoTableOfPrompts(Exception):
    """A table is left alone, for there are no prompts in it. `str` is the reason."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table, without its header."""

    index: int
    """Position in the table, from 0. Rows that cannot be read are counted, too."""
    line: int
    """The line on which the row starts, from 1; in Parquet, the number of the row."""
    cells: Sequence[str]
    """One for each column; empty where the row has no text."""
    problem: str = ""
    """Why the row cannot be read; `cells` is empty then."""


@dataclass(frozen=True, slots=True)
class NewCells:
    """What a result has in one row of its table."""

    added: str
    """The cell of the new column."""
    changed: Mapping[int, str] = field(default_factory=dict)
    """The cells of other columns that differ, by the column's position."""


class OpenTable(Protocol):
    """An opened table."""

    @property
    def header(self) -> Sequence[str]:
        """The names of the columns."""

    @property
    def media_within(self) -> str:
        """The name of a column that holds pictures or videos themselves, in place of paths; or empty."""

    def rows(self) -> Iterator[TableRow]:
        """Yield the rows from the first to the last. To be called once. Raises TableFault."""

    def with_column(self, name: str, cells_for: Callable[[TableRow], NewCells]) -> bytes:
        """Return the whole table with one more column, in place of `rows`. Raises TableFault.

        Rows that cannot be read stay as they are, and `cells_for` is not asked for them.
        """
