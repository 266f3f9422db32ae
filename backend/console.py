"""The output of a command: data goes to stdout, everything else to stderr.

Text from files, models and logs is escaped with `printable` first. rich obeys NO_COLOR, and writes no colours
to a stream that is not a terminal.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from backend.errors import UpsampleError
from backend.specs.quoting import printable
from backend.standard_streams import note_data

if TYPE_CHECKING:  # `--help` does not wait for it
    from remote.protocol import Json

LONGEST_SAID = 8_000
"""The most characters of a text that a message shows. A box may send millions."""


def out() -> Console:
    """Return a console on stdout, for data that people read."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def err() -> Console:
    """Return a console on stderr, for progress, warnings and errors."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def complain(error: UpsampleError) -> None:
    """Print an error that ends the command, and its remedy."""
    console = err()
    console.print(Text("upsample: ", "bold red") + Text(told(error.problem)), soft_wrap=True)
    if error.remedy:
        console.print(Text("  " + told(error.remedy)), soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning. The command goes on."""
    err().print(Text("! ", "bold yellow") + Text(told(text)), soft_wrap=True)


def say(text: str) -> None:
    """Print a message to stderr."""
    err().print(Text(told(text)), soft_wrap=True)


def to_terminal(sequence: str) -> None:
    """Write a sequence of our own that a terminal obeys to stderr, if that is one."""
    if sys.stderr.isatty():
        sys.stderr.write(sequence)
        sys.stderr.flush()


def ask(prompt: str) -> None:
    """Print a prompt to stderr; the answer stands on the same line."""
    err().print(Text(told(prompt)), end=" ", soft_wrap=True)


def write_line(text: str) -> None:
    """Write one line of text to stdout, such as a path."""
    note_data()
    sys.stdout.write(safe(text) + "\n")
    sys.stdout.flush()


def write_json(value: Json) -> None:
    """Write a JSON value as one line to stdout. It is ASCII, so that it cannot steer a terminal."""
    note_data()
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV table with a header line to stdout."""
    note_data()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([printable(v) if isinstance(v, str) else v for v in row] for row in rows)


def table(*columns: str, right: Iterable[str] = (), long: Iterable[str] = ("name",)) -> Table:
    """Return an empty table in our style.

    `right` names the columns that are aligned to the right, `long` those that wrap when a line is too short.
    """
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    numbers, folded = set(right), set(long)
    for column in columns:
        justify: JustifyMethod = "right" if column in numbers else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column not in folded)
    return made


def told(text: str) -> str:
    """Escape the text of a message as `safe` does, and cut it after LONGEST_SAID characters."""
    more = len(text) - LONGEST_SAID
    return (
        safe(text) if more <= 0 else f"{safe(text[:LONGEST_SAID])} … and {more:,} more characters"
    )


def safe(text: str) -> str:
    """Escape everything in a text of several lines that could steer a terminal."""
    return "\n".join(printable(line) for line in text.splitlines())
