"""Reads the prompts to compose: given words, lines of a text, rows of a table, or those of other specs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.errors import InputError
from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.quoting import printable, quoted
from backend.specs.reading import Finding, read_in_parts
from backend.specs.source import SourceText, lines, load
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns

MOST_PROMPTS = 1_000_000
"""The most prompts that are composed at once. All are kept in memory."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt to be combined with clips and styles."""

    text: str
    """Without white space around it. Never empty."""
    name: str = ""
    """Its own name where it has one, as in the column `id` of a table."""
    video: Path | None = None
    """The video that stands beside it, absolute. It counts where no other clips are given."""


@dataclass(frozen=True, slots=True)
class FoundPrompts:
    """The prompts that were read, and what was left out of their files."""

    prompts: tuple[Prompt, ...]
    troubles: tuple[str, ...] = ()


def read_prompts(
    words: Sequence[str],
    files: Sequence[Path],
    cwd: Path,
    columns: WantedColumns = ANY_COLUMNS,
) -> FoundPrompts:
    """Return the given words, each a prompt, and the prompts of the files.

    A text has one prompt a line. Relative paths start at `cwd`. Raises InputError where a file holds no
    prompt or cannot be read, and where there are too many.
    """
    prompts = [Prompt(text.strip()) for text in words if text.strip()]
    troubles: list[str] = []
    for file in files:
        before = len(prompts)
        told: list[str] = []
        for found in _read(file, cwd, columns):
            if isinstance(found, Prompt):
                prompts.append(found)
            else:
                told.append(found)
            if len(prompts) > MOST_PROMPTS:
                raise InputError(f"there are more than {MOST_PROMPTS:,} prompts", "Take fewer.")
        if len(prompts) == before:
            why = told[0] if told else f"{printable(str(file))} is empty"
            raise InputError(f"no prompts: {why}", "Name a file of prompts: a text has one a line.")
        troubles += told
    return FoundPrompts(tuple(prompts), tuple(troubles))


def prompts_of(specs: Iterable[Spec], cwd: Path) -> Iterator[Prompt]:
    """Yield the prompts of specs, with their videos; those that are empty are left out."""
    for spec in specs:
        if text := spec.prompt.strip():
            yield Prompt(text, spec.name, None if spec.video is None else cwd / spec.video)


def _read(file: Path, cwd: Path, columns: WantedColumns) -> Iterator[Prompt | str]:
    """Yield the prompts of a file, and what is wrong with others."""
    if file.suffix.lower() in ("", ".txt"):
        yield from _read_lines(file, cwd)
        return
    for part in read_in_parts(file, cwd, columns):
        for found in part:
            yield from _taken(found, cwd)


def _taken(found: Finding, cwd: Path) -> Iterator[Prompt | str]:
    match found:
        case Skipped():
            yield f"{printable(str(found.file))}: {found.reason}"
        case BrokenSpec():
            yield str(found)
        case Spec():
            taken = tuple(prompts_of((found,), cwd))
            yield from taken
            if not taken:
                yield f"{printable(str(found.file))}: {quoted(found.name)} has no prompt"


def _read_lines(file: Path, cwd: Path) -> Iterator[Prompt | str]:
    source = load(file, cwd)
    if not isinstance(source, SourceText):
        yield from _taken(source, cwd)
        return
    stem, number = printable(file.stem), 0
    for line in lines(source.text):
        if text := source.text[line.start : line.end].strip():
            number += 1
            yield Prompt(text, f"{stem}-{number}")
