"""The box's memory: an append-only file of records, each on the disk before anybody is told of it.

A record is four bytes of length, four of CRC32 (both big-endian, the checksum over the JSON) and a JSON
object with a `seq`, one higher than the record's before it. Record 0 names the journal.

A plain file and not a database, because home directories on GPU boxes are often NFS. What a crash can
do to such a file is a torn last record: it is cut off. Damage elsewhere is never passed over in
silence: the damaged bytes are kept beside the journal, reported, and the good records around them stay.
"""

from __future__ import annotations

import bisect
import json
import os
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from remote.protocol import MAX_MESSAGE, Json

_HEAD = 8


class JournalError(Exception):
    """The journal cannot be read or written."""


@dataclass(frozen=True)
class Record:
    """One record: where it lies and what it says."""

    offset: int
    """Byte at which it starts."""
    size: int
    """Bytes it takes, head included."""
    body: Mapping[str, Json]

    @property
    def seq(self) -> int:
        return cast(int, self.body["seq"])


@dataclass(frozen=True)
class Damage:
    """Bytes that are no record."""

    offset: int
    size: int
    torn: bool
    """True at the end of the file: a record that was being written when the box went down."""


def encode_record(body: Mapping[str, Json]) -> bytes:
    """The record as it lies in the file. Raises JournalError when it is too large."""
    data = json.dumps(body, separators=(",", ":")).encode()
    if len(data) > MAX_MESSAGE:
        raise JournalError(f"a record of {len(data):,} bytes is over the limit of {MAX_MESSAGE:,}")
    return len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big") + data


def scan(data: bytes) -> tuple[list[Record], list[Damage]]:
    """Every record of a journal's bytes, in order, and what lies between them."""
    records: list[Record] = []
    damages: list[Damage] = []
    position = 0
    while position < len(data):
        record = _record_at(data, position)
        if record is not None:
            records.append(record)
            position += record.size
            continue
        begin, position = position, _next_record(data, position + 1)
        damages.append(Damage(begin, position - begin, torn=position == len(data)))
    return records, damages


def _next_record(data: bytes, position: int) -> int:
    """Where the next whole record starts; the end of the data when there is none."""
    while True:
        # A record's JSON begins with a brace, so only those places need the costly look.
        brace = data.find(b"{", position + _HEAD)
        if brace < 0:
            return len(data)
        if _record_at(data, brace - _HEAD) is not None:
            return brace - _HEAD
        position = brace - _HEAD + 1


def _record_at(data: bytes, offset: int) -> Record | None:
    start = offset + _HEAD
    length = int.from_bytes(data[offset : offset + 4], "big")
    if start + length > len(data) or data[start : start + 1] != b"{":
        return None
    body = data[start : start + length]
    if zlib.crc32(body) != int.from_bytes(data[offset + 4 : start], "big"):
        return None
    try:
        value = cast(Json, json.loads(body))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or type(value.get("seq")) is not int:
        return None
    return Record(offset, _HEAD + length, value)


class Journal:
    """An open journal. Not for two threads at once, except `read`, which may run beside `append`."""

    def __init__(self, path: Path) -> None:
        """Open or create the journal. Raises JournalError."""
        self._path = path
        self.id = ""
        """Changes when the journal is a new one, so that nobody mixes up two counts of seq."""
        self.damages: list[Damage] = []
        """What was found broken while opening."""
        self._seqs: list[int] = []
        self._places: list[tuple[int, int]] = []
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"cannot open {path}: {error.strerror}") from error
        try:
            self._load()
        except OSError as error:
            os.close(self._descriptor)
            raise JournalError(f"cannot read or mend {path}: {error.strerror}") from error
        except JournalError:
            os.close(self._descriptor)
            raise

    @property
    def last(self) -> int:
        """The newest seq."""
        return self._seqs[-1]

    def append(self, kind: str, body: Mapping[str, Json]) -> int:
        """Add a record and return its seq once it is on the disk.

        Raises OSError (say, disk full); the journal is then as it was before.
        """
        seq = self._seqs[-1] + 1 if self._seqs else 0
        data = encode_record({"seq": seq, "type": kind, **body})
        try:
            self._write(data)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        self._note(seq, self._end, len(data))
        return seq

    def read(self, after: int = -1) -> Iterator[Record]:
        """The records with a seq above `after`, read from the file as they are asked for."""
        index = bisect.bisect_right(self._seqs, after)
        while index < len(self._seqs):
            yield self._read(index)
            index += 1

    def record(self, seq: int) -> Record:
        """The record with this seq. Raises KeyError."""
        index = bisect.bisect_left(self._seqs, seq)
        if index == len(self._seqs) or self._seqs[index] != seq:
            raise KeyError(seq)
        return self._read(index)

    def close(self) -> None:
        os.close(self._descriptor)

    def _load(self) -> None:
        self._end = 0
        data = self._path.read_bytes()
        records, self.damages = scan(data)
        for damage in self.damages:
            self._set_aside(data[damage.offset : damage.offset + damage.size], damage.offset)
        if self.damages:
            self._rewrite([data[r.offset : r.offset + r.size] for r in records])
        for record in records:
            if self._seqs and record.seq <= self.last:
                raise JournalError(f"{self._path}: record {record.seq} follows {self.last}")
            self._note(record.seq, self._end, record.size)
            if record.body.get("type") == "journal":
                self.id = str(record.body.get("id"))
        if not self.id or any(damage.torn for damage in self.damages):
            # New, or its first record was lost, or its last ones, whose seqs are given out again:
            # under a new id every app asks for everything.
            self.id = uuid.uuid4().hex
            self.append("journal", {"id": self.id})
            sync_folder(self._path.parent)

    def _read(self, index: int) -> Record:
        offset, size = self._places[index]
        record = _record_at(os.pread(self._descriptor, size, offset), 0)
        if record is None:
            raise JournalError(f"{self._path}: record {self._seqs[index]} can no longer be read")
        return record

    def _write(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:], self._end + written)
        os.fsync(self._descriptor)

    def _note(self, seq: int, offset: int, size: int) -> None:
        # The end moves first and the index last: a reader in another thread sees whole records only.
        self._end = offset + size
        self._places.append((offset, size))
        self._seqs.append(seq)

    def _set_aside(self, damaged: bytes, offset: int) -> None:
        digest = zlib.crc32(damaged)
        beside = self._path.with_name(f"{self._path.name}.damaged-{offset}-{digest:08x}")
        _write_durably(beside, damaged)

    def _rewrite(self, records: list[bytes]) -> None:
        mended = self._path.with_name(f"{self._path.name}.mended")
        _write_durably(mended, b"".join(records))
        mended.replace(self._path)
        sync_folder(self._path.parent)
        damaged = self._descriptor
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        os.close(damaged)


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make names that were given or taken in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
