"""Writes new prompts into a table: the same table, byte by byte, with one more column.

Where the result stands in another folder, its relative paths are written anew, so that they lead to the same
files.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from backend.errors import InputError
from backend.specs.adapter import OutputFile, Replacement
from backend.specs.moved_paths import moved_path
from backend.specs.quoting import printable
from backend.specs.tables.columns import video_column
from backend.specs.tables.reading import UPSAMPLED_COLUMN, open_table
from backend.specs.tables.rows import NewCells, NoTableOfPrompts, TableFault, TableRow
from remote.protocol import well_formed


def render_table(
    file: Path, replacements: Mapping[int, Replacement], destination: Path
) -> OutputFile:
    """Return the table with the new prompts in a column of their own, for `destination`.

    `replacements` are keyed by the row. Raises InputError when the table can no longer be read, or no
    longer contains the prompts that were upsampled.
    """
    left = dict(replacements)

    def added_to(row: TableRow) -> str:
        new = left.pop(row.index, None)
        if new is None:
            return ""
        if new.original not in row.cells:
            raise TableFault(f"has another prompt now (line {row.line})")
        return well_formed(new.prompt)

    try:
        with open_table(file) as table:
            moved = _PathMover(table.header, file, destination)
            data = table.with_column(
                _new_name(table.header), lambda row: NewCells(added_to(row), moved.changed(row))
            )
    except (OSError, TableFault, NoTableOfPrompts) as error:
        raise _changed(file, str(error)) from None
    if left:
        raise _changed(file, f"has no prompt in row {min(left) + 1} any more")
    return OutputFile(destination, binary=data)


class _PathMover:
    """Finds the relative paths in the rows of a table, and writes them as they are seen from its result."""

    def __init__(self, header: Sequence[str], file: Path, destination: Path) -> None:
        self._header = header
        self._here, self._there = file.parent.resolve(), destination.parent.resolve()
        self._video = video_column(header)

    def changed(self, row: TableRow) -> dict[int, str]:
        """Return the cells of a row that differ in the result, by their positions."""
        if self._here == self._there:
            return {}
        found: dict[int, str] = {}
        for position, cell in enumerate(row.cells):
            is_path = position == self._video
            # Most cells are short texts without any sign of a path, and a table may have millions.
            if cell.strip() and (is_path or "." in cell or "/" in cell or "\\" in cell):
                key = self._header[position]
                moved = moved_path(cell, key, self._here, self._there, is_path=is_path)
                if moved is not None:
                    found[position] = moved
        return found


def rows_that_hold(file: Path, prompts: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return those of these rows and prompts that stand in the table; none when it cannot be read."""
    wanted: dict[int, set[str]] = {}
    for index, prompt in prompts:
        wanted.setdefault(index, set()).add(prompt)
    found: set[tuple[int, str]] = set()
    try:
        with open_table(file) as table:
            for row in table.rows():
                held = wanted.get(row.index, set()).intersection(row.cells)
                found |= {(row.index, prompt) for prompt in held}
    except (OSError, TableFault, NoTableOfPrompts):
        return set()
    return found


def _new_name(header: Collection[str]) -> str:
    """Return the name of the new column. A table that was a result has one of that name already."""
    name, number = UPSAMPLED_COLUMN, 1
    while name in header:
        number += 1
        name = f"{UPSAMPLED_COLUMN}_{number}"
    return name


def _changed(file: Path, what: str) -> InputError:
    return InputError(
        f"{printable(str(file))}: {what}",
        "The file was changed after its prompt was upsampled. Restore it, or upsample it again.",
    )
