"""What a command says on a terminal: data to stdout, everything else to stderr.

Text from files, models and logs goes through `printable` first. rich heeds NO_COLOR and notices when
its stream is no terminal.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from backend.errors import UpsampleError
from backend.specs.quoting import printable
from backend.tokens import Budget, Verdict
from remote.protocol import Json

VERDICT_SIGNS = {Verdict.FITS: "✓ fits", Verdict.NEAR: "~ near", Verdict.EXCEEDS: "✗ exceeds"}
LONGEST_SAID = 8_000
"""Characters of a text that are narrated; a box may have sent millions."""
_VERDICT_STYLES = {Verdict.FITS: "green", Verdict.NEAR: "yellow", Verdict.EXCEEDS: "red"}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let `backend.cli` deal with it, where rich would exit with 1."""
        raise


def out() -> Console:
    """For data that people read."""
    return _Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def err() -> Console:
    """For narration: progress, warnings, errors."""
    return _Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def complain(error: UpsampleError) -> None:
    """Show trouble that ends the command."""
    console = err()
    console.print(Text("upsample: ", "bold red") + Text(told(error.problem)), soft_wrap=True)
    if error.remedy:
        console.print(Text("  " + told(error.remedy)), soft_wrap=True)


def warn(text: str) -> None:
    """Show something that does not end the command."""
    err().print(Text("! ", "bold yellow") + Text(told(text)), soft_wrap=True)


def say(text: str) -> None:
    """Narrate."""
    err().print(Text(told(text)), soft_wrap=True)


def write_line(text: str) -> None:
    """A line of data that people read, such as a path."""
    sys.stdout.write(safe(text) + "\n")
    sys.stdout.flush()


def write_json(value: Json) -> None:
    """One JSON value on a line of its own; ASCII, so that no terminal can be harmed by it."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV table with a header line."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([printable(v) if isinstance(v, str) else v for v in row] for row in rows)


def verdict_text(verdict: Verdict) -> Text:
    """A verdict as glyph, word and colour."""
    return Text(VERDICT_SIGNS[verdict], _VERDICT_STYLES[verdict])


def tokens_text(budget: Budget) -> str:
    """The tokens of a prompt; with a sign before an estimate."""
    return f"{'≈' if budget.estimated else ''}{budget.prompt_tokens:,}"


def table(*columns: str, right: Iterable[str] = (), long: Iterable[str] = ("name",)) -> Table:
    """An empty table in our style.

    `right` names the columns of numbers, `long` those that are folded when the line is too short.
    """
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    numbers, folded = set(right), set(long)
    for column in columns:
        justify: JustifyMethod = "right" if column in numbers else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column not in folded)
    return made


def told(text: str) -> str:
    """As `safe`, for narration: what is too long to be read is cut."""
    more = len(text) - LONGEST_SAID
    return (
        safe(text) if more <= 0 else f"{safe(text[:LONGEST_SAID])} … and {more:,} more characters"
    )


def safe(text: str) -> str:
    """Text of several lines with everything escaped that could steer a terminal."""
    return "\n".join(printable(line) for line in text.splitlines())
