"""Lists the specs in the files and folders that the user named, and then reports changes on disk.

The library watchfiles watches the disk. It starts before the scan, so that no change is missed between the
two. All functions block and are run in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from backend.catalog.cache import SpecIndex
from backend.catalog.notifier import load_notifier
from backend.specs.entries import SUFFIXES
from backend.specs.model import Skipped, Spec
from backend.specs.no_prompts import FolderTexts
from backend.specs.quoting import printable
from backend.specs.reach import Reach, folders_around_links, leads_out, not_followed
from backend.specs.reading import Finding, read_in_parts
from backend.specs.scan import FileFindings, find_files, scan_files
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

LONGEST_WAIT_MS = 400
"""The longest time for which changes are collected, so that a `git checkout` is reported as one."""
_STEP_MS = 50
"""Collecting ends sooner when nothing has changed for this long."""
_TIMEOUT_MS = 250
"""How often `stop` is checked while nothing changes."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The files that changed on disk."""

    files: dict[Path, tuple[Finding, ...]]
    """The findings of each changed spec file, by the name that a scan gives it; empty for a removed file."""
    others: frozenset[Path]
    """Absolute paths of other files that were made, changed or removed, for example videos."""


def same_specs(old: Sequence[Spec], new: Sequence[Spec]) -> dict[int, int]:
    """Match the specs of a changed file to those that it prompt_files before: indexes of `new` to indexes of
    `old`.

    Specs that are equal in more fields are matched first: name and prompt, then the prompt (entries moved),
    then the name (the prompt was edited), then the position in the file.
    """
    likenesses: tuple[Callable[[Spec], Hashable], ...] = (
        lambda spec: (spec.name, spec.prompt, spec.entry),
        lambda spec: (spec.name, spec.prompt),
        lambda spec: spec.prompt,
        lambda spec: spec.name,
        lambda spec: spec.entry,
    )
    found: dict[int, int] = {}
    unmatched = dict(enumerate(old))
    for likeness in likenesses:
        candidates: dict[Hashable, list[int]] = {}
        for index, spec in reversed(unmatched.items()):
            candidates.setdefault(likeness(spec), []).append(index)
        for index, spec in enumerate(new):
            if index not in found and candidates.get(likeness(spec)):
                found[index] = candidates[likeness(spec)].pop()
                del unmatched[found[index]]
    return dict(sorted(found.items()))


class Catalog:
    """The specs in some files and folders. One thread calls `scan`, then `watch`, then `close`."""

    def __init__(
        self,
        paths: Sequence[Path],
        cwd: Path,
        index: SpecIndex | None = None,
        columns: WantedColumns = ANY_COLUMNS,
    ) -> None:
        """`columns` are the columns of tables as the user names them."""
        self._columns = columns
        self._index = index
        """The cache of files that were read before."""
        self._paths = tuple(paths)
        self._cwd = cwd
        self._reach = Reach(self._paths, cwd)
        self._folder_texts = FolderTexts(self._paths, cwd)
        self._folders: dict[Path, Path] = {}
        """The folders that were named, by absolute path."""
        self._singles: dict[Path, Path] = {}
        """The files that were named, by absolute path."""
        self._files: dict[str, Path] = {}
        """The names that a scan gives to spec files, by absolute path (as text, because there are many)."""
        self._owners: dict[Path, set[Path]] = {}
        """The spec files whose prompts are in a text file, by that text file; all paths are absolute."""
        self._prompt_files: dict[Path, set[Path]] = {}
        """The text files that hold prompts of a spec file, by that spec file; all paths are absolute."""
        self._notifiers: list[RustNotify] = []

    def scan(self, *, watched: bool = True) -> Iterator[FileFindings]:
        """Read all files, as `scan_files` does; `watched` says that `watch` will be called."""
        for path in self._paths:
            absolute = self._absolute_path(path)
            (self._folders if absolute.is_dir() else self._singles)[absolute] = path
        if watched:
            self._start_notifiers()
        read = self._index.read if self._index else read_in_parts
        for file in scan_files(self._paths, self._cwd, partial(read, columns=self._columns)):
            if file.findings:
                name = file.findings[0].file
                self._files[self._absolute(name)] = name
                if any(isinstance(spec, Spec) and spec.prompt_file for spec in file.findings):
                    self._note_prompt_files(self._absolute_path(name), file.findings)
            yield file
        if self._index:
            self._index.close()

    def watch(self, stop: Event) -> Iterator[Changes]:
        """Yield the changes since `scan` began, and later changes, until `stop` is set.

        Ends at once when the system refused to watch: see `is_watching`.
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
        """Whether the system reports changes."""
        return bool(self._notifiers)

    def close(self) -> None:
        """Stop watching."""
        for notifier in self._notifiers:
            notifier.close()
        self._notifiers.clear()

    def _start_notifiers(self) -> None:
        notifier = load_notifier()
        # When an editor replaces a file, only a watch of its folder reports later changes.
        around = {absolute.parent for absolute in self._singles if absolute.parent.is_dir()}
        whole: set[Path] = set()
        for folder in self._folders:
            singly = folders_around_links(folder)
            around.update(map(Path, singly))
            if not singly:
                whole.add(folder)
        for folders, recursive in ((whole, True), (around, False)):
            if folders:
                with suppress(OSError):  # for example when the folders exceed the system's limit
                    named = sorted(map(str, folders))
                    self._notifiers.append(notifier(named, False, False, 300, recursive, True))

    def _read(self, paths: Iterable[Path]) -> Changes:
        """Read the spec files among these paths, and return what has changed."""
        specs: set[Path] = set()
        others: set[Path] = set()
        for path in paths:
            if self._name(path) is None:
                continue
            if path.is_dir():
                if self._leaves(path) is None:
                    found = find_files([path], self._cwd, root=self._folder_of(path))
                    specs.update(file for file in found if isinstance(file, Path))
            elif path in self._singles or path.suffix.lower() in SUFFIXES:
                specs.add(path)
            else:
                others.add(path)
        specs |= self._below({path for path in others if not path.exists()})
        return Changes(self._read_files(specs), frozenset(others))

    def _below(self, gone: set[Path]) -> set[Path]:
        """Return the known spec files that were in removed folders."""
        if not gone:
            return set()
        starts = tuple(f"{path}{os.sep}" for path in gone)
        return {Path(file) for file in self._files if file.startswith(starts)}

    def _read_files(self, files: set[Path]) -> dict[Path, tuple[Finding, ...]]:
        found: dict[Path, tuple[Finding, ...]] = {}
        # When a text file changes, the specs whose prompts it holds change, too. Which text files hold
        # prompts is known only after the specs are read.
        texts = {f for f in files if f.suffix.lower() == ".txt" or self._owners.get(f)}
        for file in (files - texts).union(*(self._owners.get(text, set()) for text in texts)):
            before = self._prompt_files.get(file, set())
            self._add_findings(file, found, self._findings(file))
            texts |= before ^ self._prompt_files.get(file, set())
        for file in texts:
            if self._name(file) is not None:
                self._add_findings(file, found, self._text_findings(file))
        return found

    def _add_findings(
        self, file: Path, found: dict[Path, tuple[Finding, ...]], findings: tuple[Finding, ...]
    ) -> None:
        name = self._name(file)
        if name is None:
            return
        found[name] = findings
        self._note_prompt_files(file, findings)
        if findings:
            self._files[str(file)] = name
        else:
            self._files.pop(str(file), None)

    def _findings(self, file: Path) -> tuple[Finding, ...]:
        name = self._name(file)
        if name is None or not (file.exists() or file in self._singles):
            return ()
        if (left := self._leaves(file)) is not None:
            return (not_followed([name], left, self._cwd),) if file.is_symlink() else ()
        parts = read_in_parts(name, self._cwd, self._columns)
        findings = tuple(chain.from_iterable(parts))
        if name.suffix.lower() == ".txt":
            return next(self._folder_texts.judge(name, [findings]))
        return self._folder_texts.without_unnamed_media(name, self._reach.judge(findings))

    def _text_findings(self, file: Path) -> tuple[Finding, ...]:
        name, owners = self._name(file), self._owners.get(file)
        if name is None or not owners or not file.exists():
            return self._findings(file)
        return (Skipped(name, f"the prompt of {printable(min(owners).name)}"),)

    def _note_prompt_files(self, file: Path, findings: Iterable[Finding]) -> None:
        prompt_files = {
            self._absolute_path(finding.prompt_file)
            for finding in findings
            if isinstance(finding, Spec) and finding.prompt_file is not None
        }
        for text in self._prompt_files.pop(file, set()) - prompt_files:
            self._owners[text].discard(file)
        for text in prompt_files:
            self._owners.setdefault(text, set()).add(file)
        if prompt_files:
            self._prompt_files[file] = prompt_files

    def _name(self, file: Path) -> Path | None:
        """Return the name that a scan would give to the file; None when it would skip the file."""
        known = self._files.get(str(file)) or self._singles.get(file)
        if known is not None:
            return known
        for folder, named in self._folders.items():
            if file.is_relative_to(folder):
                below = file.relative_to(folder)
                return None if any(p.startswith(".") for p in below.parts) else named / below
        return None

    def _folder_of(self, file: Path) -> Path | None:
        """Return the named folder that the file is in, as an absolute path; None for a named file."""
        if file in self._singles:
            return None
        return next((folder for folder in self._folders if file.is_relative_to(folder)), None)

    def _leaves(self, file: Path) -> Path | None:
        """Return the named folder, as it was named, if links lead out of it to this file; otherwise None."""
        folder = self._folder_of(file)
        if folder is None or not leads_out(file, os.path.realpath(folder)):
            return None
        return self._folders[folder]

    def _absolute_path(self, path: Path) -> Path:
        return Path(self._absolute(path))

    def _absolute(self, path: Path) -> str:
        # Not resolve(), which would follow links.
        return os.path.abspath(os.path.join(self._cwd, path))  # noqa: PTH100, PTH118


def _next_changes(notifier: RustNotify, stop: Event) -> set[Path]:
    """Wait a short time for changes, collect those that follow closely, and return their paths."""
    found = notifier.watch(LONGEST_WAIT_MS, _STEP_MS, _TIMEOUT_MS, stop)
    return {Path(path) for _, path in found} if isinstance(found, set) else set()
