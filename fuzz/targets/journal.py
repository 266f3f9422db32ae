"""The journal: any bytes can be opened or are refused in words, and nothing whole in them is lost."""

from __future__ import annotations

from collections.abc import Iterable

from fuzz.scratch import scratch_folder
from remote.jobs.journal import Journal, JournalError
from remote.jobs.records import Record, encode_record, scan
from remote.protocol import Json

_JOURNAL: dict[str, Json] = {"seq": 0, "type": "journal", "id": "a" * 32}
_BODIES: tuple[dict[str, Json], ...] = (
    {"seq": 1, "type": "accepted", "job": "j", "request": {"prompt": "dusk {"}},
    {"seq": 2, "type": "finished", "job": "j", "answer": {"text": "Warm"}},
    {"seq": 3, "type": "failed", "job": "k", "kind": "engine", "message": "é"},
)
_MARK = b"\0" * 4


def seeds() -> Iterable[bytes]:
    records = [encode_record(body) for body in (_JOURNAL, *_BODIES)]
    whole = b"".join(records)
    yield b""
    yield whole
    yield whole[:-3]
    yield whole + whole[:-3] + records[3]
    yield records[0] + b"\0" * 20 + records[1]
    yield records[0] + records[1][:9] + b"\xff" + records[1][10:] + records[2]
    yield _MARK + b'{"seq":1,"type":"accepted"}'


def check(data: bytes) -> None:
    if data.startswith(_MARK):
        # As one record with its checksum, which no fuzzer can guess.
        data = _framed(data[len(_MARK) :])
    records, damages = scan(data)
    parts = [(r.offset, r.size) for r in records] + [(d.offset, d.size) for d in damages]
    end = 0
    for offset, size in sorted(parts):
        assert offset == end, "bytes are passed over, or counted twice"
        end += size
    assert end == len(data)
    _open_twice(data, records)


def _open_twice(data: bytes, records: list[Record]) -> None:
    folder = scratch_folder("journal")
    for old in folder.iterdir():
        old.unlink()
    path = folder / "journal"
    path.write_bytes(data)
    try:
        journal = Journal(path)
    except JournalError:
        return
    found = list(journal.read())
    journal.close()
    assert [r.body for r in found[: len(records)]] == [r.body for r in records]
    again = Journal(path)
    assert not again.damages
    assert again.id == journal.id
    assert [r.body for r in again.read()] == [r.body for r in found]
    again.close()


def _framed(body: bytes) -> bytes:
    import zlib

    return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body
