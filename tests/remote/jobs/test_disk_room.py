"""However many jobs are handed over, their pictures leave room on the disk for the journal."""

from __future__ import annotations

import base64
import errno
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from remote.jobs import disk_room
from remote.jobs.disk_room import Disk, DiskRoom, read_disk, reserve_of
from remote.jobs.pictures import Pictures
from remote.protocol import FrameInfo, Request
from tests.remote.attached import ask

GIB = 1 << 30


def keep(pictures: Pictures, *images: bytes) -> None:
    job = ask("", images)
    pictures.keep(job.request.frames, job.images)


def keep_all_that_fit(pictures: Pictures) -> list[Request]:
    """Keep pictures of three blocks each until they are refused; returns the requests that need them."""
    kept: list[Request] = []
    for shade in range(1, 256):
        job = ask("", [bytes([shade]) * 9_000])
        try:
            pictures.keep(job.request.frames, job.images)
        except OSError:
            break
        kept.append(job.request)
    return kept


@pytest.mark.parametrize(
    ("total", "free", "held", "reserve"),
    [
        (1000 * GIB, 500 * GIB, 0, GIB),
        (10 * GIB, 5 * GIB, 0, 10 * GIB // 50),
        (1000 * GIB, GIB, 0, GIB // 2),
        (1000 * GIB, GIB, 100 * GIB, GIB),
        (256 * 1024, 200 * 1024, 0, 256 * 1024 // 50),
        (256 * 1024, 0, 0, 0),
        (0, 0, 0, 0),
    ],
    ids=["large", "small", "nearly full", "full of its own pictures", "tiny", "full", "unknown"],
)
def test_a_reserve_is_small_beside_the_disk_and_beside_what_is_free(
    total: int, free: int, held: int, reserve: int
) -> None:
    assert reserve_of(Disk(total, free, 1), [held // 2, held // 2]) == reserve


def test_on_a_disk_with_much_room_no_picture_is_asked_for_its_size() -> None:
    """A home on a network may take seconds for a thousand of them."""
    asked = iter([1, 2, 3])
    assert reserve_of(Disk(1000 * GIB, 500 * GIB, 1), asked) == GIB
    assert list(asked) == [1, 2, 3]


def test_pictures_never_fill_a_disk_up(small_disk: Path) -> None:
    pictures = Pictures(small_disk, [])
    kept = keep_all_that_fit(pictures)
    with pytest.raises(OSError, match="kept for the journal") as refused:
        keep(pictures, bytes(9_000))
    assert refused.value.errno == errno.ENOSPC
    disk = read_disk(small_disk)
    reserve = disk.total // 50
    assert reserve <= disk.free < reserve + 4 * disk.block
    assert len(list(small_disk.iterdir())) == len(kept)


def test_the_next_daemon_keeps_as_much_free(small_disk: Path) -> None:
    """Otherwise each one would take half of what the last one left."""
    kept = keep_all_that_fit(Pictures(small_disk, []))
    again = Pictures(small_disk, kept)
    with pytest.raises(OSError, match="kept for the journal"):
        keep(again, bytes(9_000))
    for request in kept:
        again.release(request)
    keep(again, bytes(9_000))


def test_a_picture_that_is_there_already_needs_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_room, "read_disk", lambda _: Disk(1_000_000, 100_000, 1))
    pictures = Pictures(tmp_path, [])
    big = bytes(70_000)
    keep(pictures, big)
    keep(pictures, big, b"small")
    with pytest.raises(OSError, match="kept for the journal"):
        keep(pictures, bytes(90_000))
    assert {path.name for path in tmp_path.iterdir()} == {
        hashlib.sha256(image).hexdigest() for image in (big, b"small")
    }


def test_a_picture_is_kept_under_the_hash_of_the_file_that_was_sent(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path, [])
    webp = b"RIFF and so on"
    frame = FrameInfo("a" * 64, 64, 36, 0.0, hashlib.sha256(webp).hexdigest())
    made = replace(ask("fog").request, frames=(frame,))
    pictures.keep(made.frames, [base64.b64encode(webp).decode()])
    assert pictures.load(made) == [webp]
    assert [path.name for path in tmp_path.iterdir()] == [frame.file]
    Pictures(tmp_path, [made]).release(made)
    assert not list(tmp_path.iterdir())


def test_a_job_without_pictures_leaves_the_reserve_alone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_room, "read_disk", lambda _: Disk(1_000_000, 100_000, 1))
    pictures = Pictures(tmp_path, [])
    keep(pictures)
    monkeypatch.setattr(disk_room, "read_disk", lambda _: Disk(1_000_000, 10_000, 1))
    with pytest.raises(OSError, match="10,000 bytes are free"):
        keep(pictures)


def test_where_the_file_system_does_not_say_what_is_free_the_write_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_room, "read_disk", lambda _: Disk(0, 0, 1))
    DiskRoom(tmp_path).require([1_000_000])
    keep(Pictures(tmp_path, []), bytes(9_000))
