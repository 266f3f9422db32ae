"""Which specs are on disk: a scan of what the user named, then what changes there, as it comes.

Watching is watchfiles' part. It begins before the scan, so that nothing falls between the two. All of this
blocks: it is run in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from backend.catalog.cache import SpecIndex
from backend.catalog.notifier import load_notifier
from backend.specs.entries import SUFFIXES
from backend.specs.model import Skipped, Spec
from backend.specs.quoting import printable
from backend.specs.reading import Finding, read_file
from backend.specs.scan import FileFindings, find_files, read_whole, scan_files

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

LONGEST_WAIT_MS = 400
"""Changes are gathered for so long, that a checkout of a branch may come as one."""
_STEP_MS = 50
"""So much quiet ends the gathering sooner."""
_TIMEOUT_MS = 250
"""How often it is looked whether to go on."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened on disk."""

    files: dict[Path, tuple[Finding, ...]]
    """What is in each spec file now, by its name as a scan would give it; nothing for one that is gone."""
    others: frozenset[Path]
    """Absolute paths of other files that were made, changed or removed; videos are among them."""


def same_specs(old: Sequence[Spec], new: Sequence[Spec]) -> dict[int, int]:
    """Which specs of a changed file are which of those that it held before: indexes of `new` to `old`.

    What is equal in more counts first: name and prompt, then the prompt (entries moved), then the name
    (the prompt was edited), then the place in the file.
    """
    likenesses: tuple[Callable[[Spec], Hashable], ...] = (
        lambda spec: (spec.name, spec.prompt, spec.entry),
        lambda spec: (spec.name, spec.prompt),
        lambda spec: spec.prompt,
        lambda spec: spec.name,
        lambda spec: spec.entry,
    )
    found: dict[int, int] = {}
    left = dict(enumerate(old))
    for likeness in likenesses:
        there: dict[Hashable, list[int]] = {}
        for at, spec in reversed(left.items()):
            there.setdefault(likeness(spec), []).append(at)
        for at, spec in enumerate(new):
            if at not in found and there.get(likeness(spec)):
                found[at] = there[likeness(spec)].pop()
                del left[found[at]]
    return dict(sorted(found.items()))


class Catalog:
    """The specs in some files and folders. Used by one thread: first `scan`, then `watch`, then `close`."""

    def __init__(self, paths: Sequence[Path], cwd: Path, index: SpecIndex | None = None) -> None:
        self._index = index
        """What remembers files that were read before."""
        self._paths = tuple(paths)
        self._cwd = cwd
        self._folders: dict[Path, Path] = {}
        """The folders that were named, by absolute path."""
        self._singles: dict[Path, Path] = {}
        """The files that were named, by absolute path."""
        self._files: dict[str, Path] = {}
        """The spec files by absolute path (text: there are many), with the names that a scan gives them."""
        self._owners: dict[Path, set[Path]] = {}
        """Text files that hold the prompts of specs, each with the files of those specs; all absolute."""
        self._held: dict[Path, set[Path]] = {}
        """The same the other way round."""
        self._notifiers: list[RustNotify] = []

    def scan(self, *, watched: bool = True) -> Iterator[FileFindings]:
        """Read everything, as `scan_files` does; `watched` when `watch` will be called."""
        for path in self._paths:
            place = self._place(path)
            (self._folders if place.is_dir() else self._singles)[place] = path
        if watched:
            self._listen()
        read = self._index.read if self._index else read_whole
        for file in scan_files(self._paths, self._cwd, read):
            if file.findings:
                name = file.findings[0].file
                self._files[self._absolute(name)] = name
                if any(isinstance(it, Spec) and it.prompt_file for it in file.findings):
                    self._note_prompt_files(self._place(name), file.findings)
            yield file
        if self._index:
            self._index.close()

    def watch(self, stop: Event) -> Iterator[Changes]:
        """What changed since `scan` began, and what changes from now on, until `stop` is set. It is
        over at once where the system refused to watch: see `is_watching`.
        """
        while self._notifiers and not stop.is_set():
            paths: set[Path] = set()
            for notifier in self._notifiers:
                paths |= _next_changes(notifier, stop)
            changes = self._read(paths)
            if not stop.is_set() and (changes.files or changes.others):
                yield changes

    @property
    def is_watching(self) -> bool:
        """Whether the system tells of changes."""
        return bool(self._notifiers)

    def close(self) -> None:
        """Watch no more."""
        for notifier in self._notifiers:
            notifier.close()
        self._notifiers.clear()

    def _listen(self) -> None:
        notifier = load_notifier()
        # An editor may replace a file: then its folder tells of it, and the file no more.
        around = {place.parent for place in self._singles if place.parent.is_dir()}
        for folders, recursive in ((set(self._folders), True), (around, False)):
            if folders:
                with suppress(OSError):  # too many folders for the system's limit, for instance
                    named = sorted(map(str, folders))
                    self._notifiers.append(notifier(named, False, False, 300, recursive, True))

    def _read(self, paths: Iterable[Path]) -> Changes:
        """What is to be said of these paths now."""
        specs: set[Path] = set()
        others: set[Path] = set()
        for path in paths:
            if self._name(path) is None:
                continue
            if path.is_dir():
                found = find_files([path], self._cwd)
                specs.update(file for file in found if isinstance(file, Path))
            elif path in self._singles or path.suffix.lower() in SUFFIXES:
                specs.add(path)
            else:
                others.add(path)
        specs |= self._below({path for path in others if not path.exists()})
        return Changes(self._read_files(specs), frozenset(others))

    def _below(self, gone: set[Path]) -> set[Path]:
        """The spec files that were in folders that are gone."""
        if not gone:
            return set()
        starts = tuple(f"{path}{os.sep}" for path in gone)
        return {Path(place) for place in self._files if place.startswith(starts)}

    def _read_files(self, places: set[Path]) -> dict[Path, tuple[Finding, ...]]:
        found: dict[Path, tuple[Finding, ...]] = {}
        # The spec whose prompt a text file holds changes with it; and what text file holds one is known
        # only when the specs are read.
        texts = {place for place in places if place.suffix.lower() == ".txt"}
        for place in (places - texts).union(*(self._owners.get(text, set()) for text in texts)):
            before = self._held.get(place, set())
            self._take(place, found, self._findings(place))
            texts |= before ^ self._held.get(place, set())
        for place in texts:
            if self._name(place) is not None:
                self._take(place, found, self._text_findings(place))
        return found

    def _take(
        self, place: Path, found: dict[Path, tuple[Finding, ...]], findings: tuple[Finding, ...]
    ) -> None:
        name = self._name(place)
        if name is None:
            return
        found[name] = findings
        self._note_prompt_files(place, findings)
        if findings:
            self._files[str(place)] = name
        else:
            self._files.pop(str(place), None)

    def _findings(self, place: Path) -> tuple[Finding, ...]:
        name = self._name(place)
        if name is None or not (place.exists() or place in self._singles):
            return ()
        return read_file(name, self._cwd)

    def _text_findings(self, place: Path) -> tuple[Finding, ...]:
        name, owners = self._name(place), self._owners.get(place)
        if name is None or not owners or not place.exists():
            return self._findings(place)
        return (Skipped(name, f"the prompt of {printable(min(owners).name)}"),)

    def _note_prompt_files(self, place: Path, findings: Iterable[Finding]) -> None:
        held = {
            self._place(finding.prompt_file)
            for finding in findings
            if isinstance(finding, Spec) and finding.prompt_file is not None
        }
        for text in self._held.pop(place, set()) - held:
            self._owners[text].discard(place)
        for text in held:
            self._owners.setdefault(text, set()).add(place)
        if held:
            self._held[place] = held

    def _name(self, place: Path) -> Path | None:
        """What a scan would call the file; None for one that it would pass over."""
        known = self._files.get(str(place)) or self._singles.get(place)
        if known is not None:
            return known
        for folder, named in self._folders.items():
            if place.is_relative_to(folder):
                below = place.relative_to(folder)
                return None if any(p.startswith(".") for p in below.parts) else named / below
        return None

    def _place(self, path: Path) -> Path:
        return Path(self._absolute(path))

    def _absolute(self, path: Path) -> str:
        # Not resolve(), which would follow links.
        return os.path.abspath(os.path.join(self._cwd, path))  # noqa: PTH100, PTH118


def _next_changes(notifier: RustNotify, stop: Event) -> set[Path]:
    """Wait a moment for changes, gather what follows on each other's heels, and return the paths."""
    found = notifier.watch(LONGEST_WAIT_MS, _STEP_MS, _TIMEOUT_MS, stop)
    return {Path(path) for _, path in found} if isinstance(found, set) else set()
