"""Finds the prompt specs in the files and folders that the user named."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from backend.specs.entries import SUFFIXES
from backend.specs.model import BrokenSpec, Scan, Skipped, Spec, SpecFormat
from backend.specs.no_prompts import FolderTexts
from backend.specs.quoting import printable
from backend.specs.reach import Reach, leads_out, not_followed
from backend.specs.reading import Finding, read_in_parts
from backend.specs.source import reason
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns

_FIRST_FILES = 500
"""Files that are read before the search of the folders goes on. It is more than a screen shows."""


@dataclass(frozen=True, slots=True)
class FileFindings:
    """What was found in one file, or in a part of it, and the progress of the scan."""

    position: int
    """The file's position in the order of the search, from 0."""
    total: int
    """The number of files that the scan has found so far."""
    findings: tuple[Finding, ...]


def scan(paths: Sequence[Path], cwd: Path, columns: WantedColumns = ANY_COLUMNS) -> Scan:
    """Read every file that is named, and every spec file in the folders that are named.

    `columns` are the columns of tables as the user names them.
    """
    found_files = scan_files(paths, cwd, lambda file, cwd: read_in_parts(file, cwd, columns))
    files = sorted(found_files, key=lambda file: file.position)
    found = [finding for file in files for finding in file.findings]
    return Scan(
        specs=tuple(finding for finding in found if isinstance(finding, Spec)),
        skipped=tuple(finding for finding in found if isinstance(finding, Skipped)),
        broken=tuple(finding for finding in found if isinstance(finding, BrokenSpec)),
    )


def read_whole(file: Path, cwd: Path) -> Iterable[tuple[Finding, ...]]:
    """Read a file with `read_in_parts`; the columns of tables are found by their names."""
    return read_in_parts(file, cwd)


def scan_files(
    paths: Sequence[Path],
    cwd: Path,
    read: Callable[[Path, Path], Iterable[tuple[Finding, ...]]] = read_whole,
) -> Iterator[FileFindings]:
    """Scan as `scan` does, and yield the findings of each file as soon as it is read.

    Texts, and JSON files with a prompt and nothing else, come last, because only then is it known which of
    them are the prompts of other specs. `read`
    yields the findings of `read_file` in one or several parts. Each part is yielded at once.
    """
    walk = find_files(paths, cwd)
    reach, folder_texts = Reach(paths, cwd), FolderTexts(paths, cwd)
    files: list[Path | BrokenSpec | Skipped] = []
    owners: dict[str, Path] = {}
    texts: list[tuple[int, Path, tuple[Finding, ...] | None]] = []
    # The first files are read before the search ends, because a folder of 100,000 files takes long.
    while more := list(islice(walk, None if files else _FIRST_FILES)):
        files += more
        for position, file in enumerate(more, len(files) - len(more)):
            if not isinstance(file, Path):
                yield FileFindings(position, len(files), (file,))
            elif file.suffix.lower() == ".txt":
                texts.append((position, file, None))
            else:
                told: tuple[Finding, ...] = ()
                for found in read(file, cwd):
                    findings = reach.judge(found)
                    owners |= dict.fromkeys(_prompt_files(findings) - owners.keys(), file)
                    if _holds_only_a_prompt(file, findings):
                        texts.append((position, file, findings))
                    else:
                        judged = folder_texts.without_unnamed_media(file, findings)
                        if judged != told:  # what is left alone is told once, and not for each part
                            yield FileFindings(position, len(files), judged)
                        told = judged
    for position, file, known in texts:
        owner = _owner_of(cwd / file, owners)
        for findings in _findings_of_text(file, known, owner, folder_texts, read, cwd):
            yield FileFindings(position, len(files), findings)


def _owner_of(place: Path, owners: Mapping[str, Path]) -> Path | None:
    return owners.get(os.path.realpath(place)) if owners else None


def _findings_of_text(
    file: Path,
    known: tuple[Finding, ...] | None,
    owner: Path | None,
    folder_texts: FolderTexts,
    read: Callable[[Path, Path], Iterable[tuple[Finding, ...]]],
    cwd: Path,
) -> Iterable[tuple[Finding, ...]]:
    """Return the findings of a file that may be the prompt of the spec file `owner`.

    `known` are its findings where it was read already.
    """
    if owner is not None:
        return ((Skipped(file, f"the prompt of {printable(owner.name)}"),),)
    if known is not None:
        return (folder_texts.without_unnamed_media(file, known),)
    return folder_texts.judge(file, read(file, cwd))


def _holds_only_a_prompt(file: Path, findings: Sequence[Finding]) -> bool:
    """Whether a JSON file holds one prompt, which may be meant for another spec that names the file."""
    if file.suffix.lower() != ".json" or len(findings) != 1:
        return False
    return isinstance(findings[0], Spec) and findings[0].format is SpecFormat.PROMPT


def _prompt_files(findings: Iterable[Finding]) -> set[str]:
    """Return the real paths of the files that contain the prompts of these specs."""
    return {
        os.path.realpath(finding.prompt_file)
        for finding in findings
        if isinstance(finding, Spec) and finding.prompt_file is not None
    }


def find_files(
    paths: Sequence[Path], cwd: Path, *, root: Path | None = None
) -> Iterator[Path | BrokenSpec | Skipped]:
    """Yield each file once: every file that is named, and files in the folders that may contain prompts.

    A link that leads out of the folder that was named is not followed. `root` is that folder where `paths`
    are below it.
    """
    seen_files: set[str] = set()
    seen_folders: set[tuple[int, int]] = set()
    for path in paths:
        walk = _Walk(root or path, cwd, seen_folders)
        for found in walk.files(path):
            if isinstance(found, Path):
                # resolve() would follow links, and making another Path would take longer.
                place = os.path.abspath(os.path.join(cwd, found))  # noqa: PTH100, PTH118
                if place in seen_files:
                    continue
                seen_files.add(place)
            yield found


class _Walk:
    """The search of one named folder."""

    def __init__(self, named: Path, cwd: Path, seen: set[tuple[int, int]]) -> None:
        """`seen` are the folders that were listed before: links may lead to one twice, or to a parent."""
        self._named = named
        self._cwd = cwd
        self._seen = seen
        self._root = ""
        self._links_out: list[Path] = []

    def files(self, top: Path) -> Iterator[Path | BrokenSpec | Skipped]:
        """Yield `top` if it is a file, or else the files below it, and then what was not followed."""
        try:
            is_folder = stat.S_ISDIR((self._cwd / top).stat().st_mode)
            self._root = os.path.realpath(self._cwd / self._named)
        except FileNotFoundError:
            yield BrokenSpec(top, 0, "there is no such file or folder")
            return
        except (OSError, ValueError) as error:
            yield BrokenSpec(top, 0, f"cannot be read: {reason(error)}")
            return
        waiting = [(top, is_folder)]
        while waiting:
            path, is_folder = waiting.pop()
            if not is_folder:
                yield path
                continue
            try:
                waiting += reversed(self._list(path))
            except OSError as error:
                yield BrokenSpec(path, 0, f"the folder cannot be read: {reason(error)}")
        if self._links_out:
            yield not_followed(self._links_out, self._named, self._cwd)

    def _list(self, folder: Path) -> list[tuple[Path, bool]]:
        """List the subfolders and possible spec files of a folder, sorted; nothing for one in `seen`."""
        place = self._cwd / folder
        status = place.stat()
        if (status.st_dev, status.st_ino) in self._seen:
            return []
        self._seen.add((status.st_dev, status.st_ino))
        with os.scandir(place) as listing:
            entries = sorted(
                (e for e in listing if not e.name.startswith(".")), key=lambda e: e.name
            )
        found = []
        for entry in entries:
            path, is_dir = folder / entry.name, _is_folder(entry)
            if not is_dir and path.suffix.lower() not in SUFFIXES:
                continue
            if entry.is_symlink() and leads_out(entry.path, self._root):
                self._links_out.append(path)
            else:
                found.append((path, is_dir))
        return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; reading it reports the error
        return False
