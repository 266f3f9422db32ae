"""Writes new prompts into a table: the same table, byte by byte, with one more column."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from backend.errors import InputError
from backend.specs.adapter import OutputFile, Replacement
from backend.specs.quoting import printable, well_formed
from backend.specs.tables.reading import UPSAMPLED_COLUMN, open_table
from backend.specs.tables.rows import NoTableOfPrompts, TableFault, TableRow


def render_table(
    file: Path, replacements: Mapping[int, Replacement], destination: Path
) -> OutputFile:
    """Return the table with the new prompts in a column of their own, for `destination`.

    `replacements` are keyed by the row. Raises InputError when the table can no longer be read, or no
    longer contains the prompts that were upsampled.
    """
    left = dict(replacements)

    def cell_for(row: TableRow) -> str:
        new = left.pop(row.index, None)
        if new is None:
            return ""
        if new.original not in row.cells:
            raise TableFault(f"has another prompt now (line {row.line})")
        return well_formed(new.prompt)

    try:
        with open_table(file) as table:
            data = table.with_column(_new_name(table.header), cell_for)
    except (OSError, TableFault, NoTableOfPrompts) as error:
        raise _changed(file, str(error)) from None
    if left:
        raise _changed(file, f"has no prompt in row {min(left) + 1} any more")
    return OutputFile(destination, binary=data)


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
