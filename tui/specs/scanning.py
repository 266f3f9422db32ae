"""Finds specs in one thread, and posts them in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

from textual.message import Message

from backend.catalog.cache import SpecIndex
from backend.catalog.catalog import Catalog, Changes
from backend.specs.reading import Finding
from backend.specs.scan import FileFindings
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns

POST_EVERY = 0.05
"""Seconds between two batches."""
LARGEST_BATCH = 5_000
"""The largest batch; adding more findings at once would hold up the keyboard."""
_SCREENFUL = 200
"""The size of the first batch."""
_DRAWN_WITHIN = 1.0
"""Seconds after which the rest is read, whether or not they are drawn."""


@dataclass
class FilesRead(Message):
    """The scan has read some more files."""

    findings: tuple[Finding, ...]
    read: int
    """Files read so far."""
    total: int
    """Files of the scan."""


@dataclass(frozen=True, slots=True)
class SpecSource:
    """The source of the specs: files and folders, their scan, and their changes."""

    paths: tuple[Path, ...]
    """The files and folders that the user named; empty when none was named."""
    cwd: Path
    files: Callable[[], Iterable[FileFindings]]
    """Starts the scan. A thread calls it and iterates over it; it may block."""
    changes: Callable[[Event], Iterable[Changes]] = lambda _: ()
    """Yields what changes after the scan, until the event is set. The same thread iterates over it."""
    columns: WantedColumns = ANY_COLUMNS
    """The columns of tables as the user names them."""

    @classmethod
    def on_disk(
        cls,
        paths: Iterable[Path],
        cwd: Path,
        index: Path | None = None,
        columns: WantedColumns = ANY_COLUMNS,
    ) -> SpecSource:
        """Make a source of files and folders. `index` is the file that caches what they hold."""
        named = tuple(paths)
        catalog = Catalog(named, cwd, SpecIndex(index) if index else None, columns)

        def changes(stop: Event) -> Iterator[Changes]:
            with closing(catalog):
                yield from catalog.watch(stop)

        return cls(named, cwd, catalog.scan, changes, columns)


def read_files(
    source: SpecSource,
    post: Callable[[FilesRead], object],
    stopped: Callable[[], bool],
    drawn: Event,
) -> None:
    """Read every file of the source and post its findings in batches, until stopped. Blocks.

    `drawn` is set once the first batch is on the screen.
    """
    batch: list[Finding] = []
    posted = monotonic()
    enough = _SCREENFUL
    seen: set[int] = set()
    total = 0
    for file in source.files():
        if stopped():
            return
        seen.add(file.position)
        total = file.total
        # A batch file may hold more than is good to take in at once.
        for start in range(0, len(file.findings), LARGEST_BATCH):
            batch += file.findings[start : start + LARGEST_BATCH]
            if len(batch) >= enough or monotonic() - posted > POST_EVERY:
                post(FilesRead(tuple(batch), len(seen), total))
                if enough == _SCREENFUL:
                    # Python does one at a time.
                    drawn.wait(_DRAWN_WITHIN)
                batch, posted, enough = [], monotonic(), LARGEST_BATCH
    post(FilesRead(tuple(batch), len(seen), total))
