"""Specs as they are found, handed on in batches by one thread."""

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

POST_EVERY = 0.05
"""Seconds between two batches."""
LARGEST_BATCH = 5_000
"""Findings; taking in more at once would hold up the keyboard."""
_SCREENFUL = 200
"""Findings that are posted first."""
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
    """Where the specs come from."""

    paths: tuple[Path, ...]
    """As the user named them; empty when none was named."""
    cwd: Path
    files: Callable[[], Iterable[FileFindings]]
    """Starts the scan. Called and walked through in a thread; may block."""
    changes: Callable[[Event], Iterable[Changes]] = lambda _: ()
    """What changes after that, until the event is set. Walked through in the same thread."""

    @classmethod
    def on_disk(cls, paths: Iterable[Path], cwd: Path, index: Path | None = None) -> SpecSource:
        """The files and folders themselves; `index` is where it is kept what they hold."""
        named = tuple(paths)
        catalog = Catalog(named, cwd, SpecIndex(index) if index else None)

        def changes(stop: Event) -> Iterator[Changes]:
            with closing(catalog):
                yield from catalog.watch(stop)

        return cls(named, cwd, catalog.scan, changes)


def read_files(
    source: SpecSource,
    post: Callable[[FilesRead], object],
    stopped: Callable[[], bool],
    drawn: Event,
) -> None:
    """Read every file of the source and post what is found, in batches, until stopped. Blocks.

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
