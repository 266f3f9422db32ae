"""The record of what a composition or an edit wrote, by which it can be undone.

Each record is a file of JSON lines in the user's data folder. A file is noted before it is written, so that
the record is complete however the program ends. Only the newest records of each kind are kept.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import platformdirs

from backend.errors import InputError, ResultError
from backend.files import make_private_folder, open_private, write_whole
from backend.files.without_links import open_folder
from backend.specs.quoting import printable
from remote.protocol import Json

MOST_REPLACED_BYTES = 64 * 1024 * 1024
"""The largest file that is replaced: the record keeps what it held."""

_KEPT = 20
"""How many records are kept."""
_SUFFIX = ".jsonl"


class RecordKind(StrEnum):
    """What a record is about. The value is the name of the folder with such records."""

    COMPOSED = "composed"
    EDITED = "edited"
    """A change of one file, which only the app that did it undoes."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A file that was written, or was about to be."""

    name: str
    sha256: str
    replaced: bytes | None
    """What the file held before; None where there was none."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing a composition did."""

    folder: Path
    removed: int
    restored: int
    """Files that hold again what they held before they were replaced."""
    changed: tuple[str, ...] = field(default=())
    """The names of files that were left, because they were changed since."""


class Recorder:
    """Writes one record."""

    def __init__(
        self,
        folder: Path,
        cwd: Path,
        kind: RecordKind = RecordKind.COMPOSED,
        *,
        makes_folder: bool = False,
    ) -> None:
        """Begin a record of files in `folder`, which the composition may make. Raises OSError."""
        self._kind = kind
        make_private_folder(records_folder(kind))
        self.file = records_folder(kind) / f"{time.time_ns()}{_SUFFIX}"
        self._descriptor = open_private(self.file, os.O_EXCL | os.O_APPEND)
        self._write({"folder": str(folder), "cwd": str(cwd), "makes_folder": makes_folder})

    def note(self, name: str, data: bytes, replaced: bytes | None = None) -> None:
        """Note a file before it is written. Raises OSError."""
        line: dict[str, Json] = {"name": name, "sha256": sha256(data).hexdigest()}
        if replaced is not None:
            line["replaced"] = base64.b64encode(replaced).decode()
        self._write(line)

    def close(self, *, is_empty: bool) -> None:
        """End the record; one of nothing is removed. Then remove the oldest records."""
        os.close(self._descriptor)
        if is_empty:
            self.file.unlink(missing_ok=True)
        for old in _records(self._kind)[_KEPT:]:
            old.unlink(missing_ok=True)

    def _write(self, line: dict[str, Json]) -> None:
        data = memoryview((json.dumps(line) + "\n").encode())
        while data:
            data = data[os.write(self._descriptor, data) :]


def records_folder(kind: RecordKind = RecordKind.COMPOSED) -> Path:
    """Return the folder of such records, which need not exist."""
    return platformdirs.user_data_path("upsample") / kind.value


def latest_record(cwd: Path) -> Path | None:
    """Return the newest record of a composition that was made in this working directory."""
    records = _records(RecordKind.COMPOSED)
    return next((file for file in records if _start_of(file).get("cwd") == str(cwd)), None)


def undo(record: Path) -> Undone:
    """Remove the files of a record that were not changed since, and then the record.

    Files that were replaced get back what they held. Raises InputError for a record that cannot be read,
    and ResultError where a file cannot be removed.
    """
    start = _start_of(record)
    folder = Path(str(start.get("folder", "")))
    if not folder.is_absolute():
        raise InputError(
            f"{printable(str(record))} is no record of a composition", "Remove the file."
        )
    removed, restored = 0, 0
    changed: list[str] = []
    try:
        with open_folder(folder) as opened:
            for noted in _noted(record):
                found = _hash_at(noted.name, opened)
                if found != noted.sha256:
                    if found and not _is_as_before(noted, found):
                        changed.append(noted.name)
                elif noted.replaced is None:
                    os.unlink(noted.name, dir_fd=opened)
                    removed += 1
                else:
                    write_whole(folder / noted.name, noted.replaced, folder=opened)
                    restored += 1
        if start.get("makes_folder"):
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()
    except FileNotFoundError:
        pass  # the whole folder is gone
    except OSError as error:
        raise ResultError(
            f"{printable(str(folder))} cannot be cleared: {error.strerror}",
            "Undo again when that is mended: what is left stays in the record.",
        ) from error
    record.unlink(missing_ok=True)
    return Undone(folder, removed, restored, tuple(changed))


def _records(kind: RecordKind) -> list[Path]:
    """Return the records of a kind, the newest first."""
    return sorted(
        records_folder(kind).glob(f"*{_SUFFIX}"), key=lambda file: file.name, reverse=True
    )


def _start_of(record: Path) -> dict[str, object]:
    """Return the first line of a record; empty where it has none."""
    try:
        with record.open(encoding="utf-8") as file:
            start = json.loads(file.readline())
    except (OSError, ValueError):
        return {}
    return start if isinstance(start, dict) else {}


def _noted(record: Path) -> Iterator[Noted]:
    """Yield the files of a record. The last line may be cut where the program was killed."""
    with record.open(encoding="utf-8") as file:
        file.readline()
        for line in file:
            try:
                noted = json.loads(line)
            except ValueError:
                return
            name = str(noted["name"])
            if "/" in name or name in ("", ".", ".."):
                continue  # no composition writes such a name
            before = noted.get("replaced")
            replaced = None if before is None else base64.b64decode(before)
            yield Noted(name, str(noted["sha256"]), replaced)


def _is_as_before(noted: Noted, found: str) -> bool:
    """Whether a file was noted, and then not replaced."""
    return noted.replaced is not None and sha256(noted.replaced).hexdigest() == found


def _hash_at(name: str, folder: int) -> str:
    """Return the hash of a regular file; empty where there is none, and "other" for what is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return "other"
        descriptor = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        digest = sha256()
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
