"""Writes the specs of a composition. Nothing that exists is replaced unless that is asked for."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.compose.composition import Composition, check
from backend.compose.record import MOST_REPLACED_BYTES, Recorder
from backend.errors import InputError, ResultError
from backend.files import read_regular
from backend.files.new_files import put_new
from backend.files.without_links import LinkInTheWay, open_folder
from backend.specs.quoting import printable
from backend.specs.source import MAX_SPEC_BYTES
from backend.specs.tables.reading import MOST_TABLE_BYTES

_MOST_NAMED = 3
"""How many of the files that exist already are named."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written of a composition."""

    folder: Path
    specs: int
    """How many specs are there now: those that were written, and those that were there already."""
    files: int
    """How many files were written."""
    already: int
    """How many files were there already, just as they would have been written."""
    replaced: int
    """How many of the written files replaced another."""
    is_stopped: bool
    """Whether it was stopped before all were written. What was written is whole."""
    record: Path | None
    """The record by which it can be undone; None where nothing was written."""


def make(composition: Composition, *, force: bool, go_on: Callable[[int], bool]) -> Made:
    """Write the specs. `go_on` hears how many are done, and returns False to stop.

    Raises InputError where the parts do not go together, and ResultError before anything is written where
    files exist that would be replaced; `force` allows it. What was written before another error can be
    undone, too.
    """
    check(composition)
    maker = _Maker(composition, force, go_on)
    try:
        maker.make()
    except LinkInTheWay as error:
        raise ResultError(
            f"{printable(str(composition.folder))} leads through a link, which is not followed",
            "Name the place itself as --save-dir.",
        ) from error
    except OSError as error:
        raise maker.explain(error) from error
    return maker.made()


class _Maker:
    """One run of `make`."""

    def __init__(self, composition: Composition, force: bool, go_on: Callable[[int], bool]) -> None:
        self._composition = composition
        self._force = force
        self._go_on = go_on
        self._folder = -1
        self._present: frozenset[str] = frozenset()
        self._recorder: Recorder | None = None
        self._specs = 0
        self._files = 0
        self._already = 0
        self._replaced = 0
        self._is_stopped = False

    def make(self) -> None:
        """Write all, or as many as `go_on` allows. Raises OSError and ResultError."""
        composition = self._composition
        self._present = _names_in(composition.folder)
        if composition.format.is_one_file:
            self._make_one()
        else:
            self._make_each()

    def made(self) -> Made:
        """Return what was written."""
        return Made(
            self._composition.folder,
            self._specs,
            self._files,
            self._already,
            self._replaced,
            self._is_stopped,
            self._recorder.file if self._recorder and self._files else None,
        )

    def explain(self, error: OSError) -> ResultError:
        """Return the error about a file or folder that the operating system refuses to write."""
        place = printable(str(self._composition.folder))
        done = f" after {self._files:,} of {self._composition.files:,} files" if self._files else ""
        undo = " What was written can be undone: upsample compose --undo" if self._files else ""
        return ResultError(
            f"{place} cannot be written{done}: {error.strerror}", f"Name another place.{undo}"
        )

    def _make_each(self) -> None:
        self._refuse_existing()
        with self._opened():
            for done, (spec, text) in enumerate(self._composition.texts(), 1):
                self._put(self._composition.file_of(spec), text.encode())
                self._specs += 1
                if not self._go_on(done) and done < self._composition.count:
                    self._is_stopped = True
                    return

    def _refuse_existing(self) -> None:
        """Raise ResultError where files would be replaced and that is not asked for."""
        if self._force or not self._present:
            return
        taken: list[str] = []
        for spec, text in self._composition.texts():
            name = self._composition.file_of(spec)
            if name in self._present and not self._holds(name, text.encode()):
                taken.append(name)
        if taken:
            raise self._taken(taken)

    def _make_one(self) -> None:
        """Write the one file that holds all specs, by way of a temporary file."""
        most = MOST_TABLE_BYTES if self._composition.format.suffix == ".csv" else MAX_SPEC_BYTES
        with tempfile.SpooledTemporaryFile(max_size=1 << 20) as whole:
            for done, text in enumerate(self._pieces()):
                whole.write(text.encode())
                if whole.tell() > most:
                    raise InputError(
                        f"one file would hold more than {most >> 20} MiB, which is not read",
                        "Take a format with a file for each, or fewer prompts or clips.",
                    )
                if not self._go_on(min(done, self._composition.count)):
                    self._is_stopped = True
                    return
            whole.seek(0)
            data = whole.read()
        name = self._composition.one_file
        if name in self._present and not self._force and not self._holds(name, data):
            raise self._taken([name])
        with self._opened():
            self._put(name, data)
        self._specs = self._composition.count

    def _pieces(self) -> Iterator[str]:
        kind = self._composition.format
        yield kind.start
        for number, (_, text) in enumerate(self._composition.texts()):
            yield f"{kind.between}{text}" if number else text
        yield kind.end

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Open the folder and the record inside the `with` block."""
        folder, cwd = self._composition.folder, self._composition.cwd
        is_new = not folder.exists()
        with open_folder(folder, make=True) as self._folder:
            self._recorder = Recorder(folder, cwd, makes_folder=is_new)
            try:
                yield
            finally:
                self._recorder.close(is_empty=not self._files)

    def _put(self, name: str, data: bytes) -> None:
        """Write a file, unless it is there already."""
        assert self._recorder is not None  # noqa: S101 - the folder is open
        if name in self._present and self._holds(name, data):
            self._already += 1
            return
        before = None
        if name in self._present:
            before = read_regular(self._composition.folder / name, MOST_REPLACED_BYTES)
            self._replaced += 1
        self._recorder.note(name, data, before)
        put_new(name, data, self._folder, replace=before is not None)
        self._files += 1

    def _holds(self, name: str, data: bytes) -> bool:
        place = self._composition.folder / name
        with contextlib.suppress(OSError):
            return place.stat().st_size == len(data) and place.read_bytes() == data
        return False

    def _taken(self, names: list[str]) -> ResultError:
        named = ", ".join(printable(name) for name in names[:_MOST_NAMED])
        more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        verb = "exist" if len(names) > 1 else "exists"
        return ResultError(
            f"{named}{more} {verb} already in {printable(str(self._composition.folder))}",
            "Use --force to replace them, or name another folder or pattern.",
        )


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - faster for 100,000 files
    except FileNotFoundError:
        return frozenset()
