"""The box's memory: an append-only file of records. Each is on the disk before any app is told of it.

`records` defines the format of the file. Record 0 gives the journal's id.

A plain file and not a database, because home directories on GPU boxes are often NFS. What a crash can
do to such a file is a torn last record: it is cut off. Damage elsewhere is never ignored in
silence: the damaged bytes are kept beside the journal, reported, and the good records around them stay.

It needs of the file system only what NFS has, too: one writer, writes at an offset, fsync, and a rename
within a folder. It maps nothing into memory, and it reads one record at a time. `locks` makes sure that there
is one writer; where a file system has no locks, a writer that finds the file changed stops.
"""

from __future__ import annotations

import bisect
import itertools
import os
import uuid
import zlib
from array import array
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from remote.files import sync_folder, write_and_keep_open, write_whole
from remote.jobs.records import Damage, Record, encode_record, record_at, walk
from remote.protocol import MAX_MESSAGE, Json

_CHUNK = 1 << 20


class JournalError(Exception):
    """The journal cannot be read or written, or something else changed it. Opening it anew repairs it."""


class Journal:
    """An open journal, for one thread at a time; any thread may read `id` and `last`."""

    def __init__(self, path: Path) -> None:
        """Open or create the journal. Raises JournalError."""
        self._path = path
        self.id = ""
        """Identifies the sequence of records. It changes whenever records are lost or dropped, so that every
        app notices and asks for all messages again."""
        self.damages: list[Damage] = []
        """The damaged parts that were found while opening."""
        self._index = _Index()
        self._size = 0
        self._is_ragged = False
        """Whether the file may have bytes after its end, from a record whose write failed."""
        self._is_renamed = False
        """Whether a rewritten file got the journal's name, and the rename may not be durable yet."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"cannot open {path}: {error.strerror}") from error
        try:
            self._load()
        except OSError as error:
            os.close(self._descriptor)
            raise JournalError(f"cannot read or mend {path}: {error.strerror}") from error

    @property
    def last(self) -> int:
        """The newest seq."""
        return self._index.seqs[-1]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def append(self, kind: str, body: Mapping[str, Json], most: int = MAX_MESSAGE) -> Record:
        """Add a record of at most `most` bytes and return it once it is on the disk.

        Raises OSError (for example, disk full); the journal is then as it was before: bytes that a failed
        write or fsync left are cut off before the next record. Raises RecordTooLarge, and JournalError like
        `check`.
        """
        whole: dict[str, Json] = {"seq": self._index.next_seq, "type": kind, **body}
        data = encode_record(whole, most)
        if self._is_renamed:
            self._make_rename_durable()
        if self._is_ragged:
            self._cut()
        self.check()
        record = Record(self._size, len(data), whole)
        try:
            _write_at(self._descriptor, data, record.offset)
            os.fsync(self._descriptor)
        except OSError:
            self._is_ragged = True
            with suppress(OSError):  # if this fails, the next `append` cuts them off first
                self._cut()
            raise
        self._add(record)
        return record

    def check(self) -> None:
        """Raise JournalError when the file was removed or something else wrote to it. Raises OSError."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            raise JournalError(f"{self._path} was removed") from None
        if size != self._size and not self._is_ragged:
            raise JournalError(
                f"{self._path} has {size:,} bytes instead of {self._size:,}: somebody else wrote there"
            )

    def drop(self, seqs: Collection[int]) -> None:
        """Remove these records; the others keep their seqs, and the journal gets a new id.

        Raises OSError; the journal is then as it was before. Raises JournalError like `check`. Must not be
        called while a `read` goes on.
        """
        self.check()
        self._rewrite(self._index.without(seqs), self._index.next_seq)

    def read(self, after: int = -1) -> Iterator[Record]:
        """Yield the records with a seq above `after`; each is read from the file when it is needed.

        Raises JournalError when a record can no longer be read, and OSError.
        """
        at = bisect.bisect_right(self._index.seqs, after)
        while at < len(self._index.seqs):
            yield self._read(at)
            at += 1

    def record(self, seq: int) -> Record:
        """Read the record with this seq. Raises KeyError, and JournalError and OSError like `read`."""
        at = bisect.bisect_left(self._index.seqs, seq)
        if at == len(self._index.seqs) or self._index.seqs[at] != seq:
            raise KeyError(seq)
        return self._read(at)

    def forget_set_aside(self, before: float) -> None:
        """Remove the files of damaged bytes that are older than the Unix time `before`. Raises OSError."""
        for file in self._path.parent.glob(f"{self._path.name}.damaged-*"):
            if file.stat().st_mtime < before:
                file.unlink()

    def close(self) -> None:
        os.close(self._descriptor)

    # --- opening ---

    def _load(self) -> None:
        self._beside("mended").unlink(
            missing_ok=True
        )  # left by a daemon that crashed in `_rewrite`
        whole = os.fstat(self._descriptor).st_size
        for part in walk(self._bytes, whole):
            if isinstance(part, Damage):
                self._set_aside(part)
                self.damages.append(part)
                continue
            self._index.add(part)
            if not self.damages:
                self._size = part.end
            if part.body.get("type") == "journal":
                self.id = str(part.body.get("id"))
        if self.damages and self._index.end > self._size:
            self._rewrite(self._index, self._index.next_seq)
        elif self.damages or not self.id:
            self._append_id()

    def _append_id(self) -> None:
        """Write a record with a new id over the damaged bytes at the end of the file.

        An app may have been sent records that are lost now, and their seqs are used again. The new id makes
        it ask for all messages. So one write removes the damaged bytes and adds the id.
        """
        seq = self._index.next_seq
        self.id, data = _make_id_record(seq)
        _write_at(self._descriptor, data, self._size)
        os.ftruncate(self._descriptor, self._size + len(data))
        os.fsync(self._descriptor)
        sync_folder(self._path.parent)
        self._add(Record(self._size, len(data), {"seq": seq}))

    def _set_aside(self, damage: Damage) -> None:
        """Copy the damaged bytes to a file beside the journal."""
        checksum = 0
        for chunk in self._chunks(damage.offset, damage.size):
            checksum = zlib.crc32(chunk, checksum)
        aside = self._beside(f"damaged-{damage.offset}-{checksum:08x}")
        write_whole(aside, self._chunks(damage.offset, damage.size))

    # --- the file ---

    def _bytes(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def _chunks(self, offset: int, size: int) -> Iterator[bytes]:
        while size > 0 and (chunk := self._bytes(offset, min(_CHUNK, size))):
            yield chunk
            offset += len(chunk)
            size -= len(chunk)

    def _read(self, at: int) -> Record:
        record = record_at(self._bytes, self._index.offsets[at], self._size)
        if record is None or record.seq != self._index.seqs[at]:
            seq = self._index.seqs[at]
            raise JournalError(f"{self._path}: record {seq} can no longer be read")
        return record

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._size)
        self._is_ragged = False

    def _rewrite(self, kept: _Index, seq: int) -> None:
        """Replace the journal's file by one with these records and a record with a new id.

        Raises OSError; the journal is then as it was before.
        """
        name, data = _make_id_record(seq)
        pieces = itertools.chain(map(self._bytes, kept.offsets, kept.sizes), [data])
        descriptor = write_and_keep_open(self._path, pieces, self._beside("mended"))
        os.close(self._descriptor)
        self._descriptor, self._is_ragged, self._is_renamed = descriptor, False, True
        self.id = name
        self._index = kept.packed()
        self._size = self._index.end
        self._add(Record(self._size, len(data), {"seq": seq}))
        with suppress(OSError):  # if this fails, the next `append` tries it again first
            self._make_rename_durable()

    def _make_rename_durable(self) -> None:
        sync_folder(self._path.parent)
        self._is_renamed = False

    def _add(self, record: Record) -> None:
        self._index.add(record)
        self._size = record.end

    def _beside(self, what: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{what}")


class _Index:
    """The seq, offset and size of each record, in the order of the seqs; 20 bytes a record in memory."""

    def __init__(self) -> None:
        self.seqs = array("q")
        self.offsets = array("q")
        self.sizes = array("I")

    @property
    def next_seq(self) -> int:
        return self.seqs[-1] + 1 if self.seqs else 0

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.offsets[-1] + self.sizes[-1] if self.seqs else 0

    def add(self, record: Record) -> None:
        self.seqs.append(record.seq)
        self.offsets.append(record.offset)
        self.sizes.append(record.size)

    def without(self, seqs: Collection[int]) -> _Index:
        """An index without these records; the offsets of the others are unchanged."""
        kept = [seq not in seqs for seq in self.seqs]
        others = _Index()
        for ours, theirs in zip(self._columns(), others._columns(), strict=True):
            theirs.extend(itertools.compress(ours, kept))
        return others

    def packed(self) -> _Index:
        """An index of the same records with new offsets: each record starts where the one before it ends."""
        packed = _Index()
        packed.seqs, packed.sizes = self.seqs, self.sizes
        ends = itertools.accumulate(self.sizes, initial=0)
        packed.offsets.extend(itertools.islice(ends, len(self.sizes)))
        return packed

    def _columns(self) -> tuple[array[int], array[int], array[int]]:
        return self.seqs, self.offsets, self.sizes


def _make_id_record(seq: int) -> tuple[str, bytes]:
    """Make a new journal id. Returns the id and the bytes of the record that holds it."""
    name = uuid.uuid4().hex
    return name, encode_record({"seq": seq, "type": "journal", "id": name})


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)
