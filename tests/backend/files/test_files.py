"""Only regular files are read, never more than is wanted; a file is written as a whole or not at all."""

from __future__ import annotations

import errno
import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from backend.files import NotRegular, TooLarge, read_regular, write_whole, writing_whole


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    assert read_regular(file, 5) == b"12345"
    with pytest.raises(TooLarge, match="larger than 4 bytes"):
        read_regular(file, 4)


def test_a_pipe_a_socket_and_a_device_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have no more than some 100 bytes
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path in (Path("pipe"), Path("socket"), Path("/dev/zero"), Path("/dev/tty")):
            with pytest.raises(NotRegular):
                read_regular(path, 1)


def test_a_file_that_turns_into_a_pipe_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and opening: the file looked at is another one."""
    regular = Path(__file__).stat()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(Path, "stat", lambda self: regular)
    with pytest.raises(NotRegular):
        read_regular(tmp_path / "pipe", 1)


def test_links_that_lead_in_a_circle_and_folders_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "a", 1)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 1)


def test_a_file_of_proc_without_an_end_in_its_size_is_bounded() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(TooLarge):
        read_regular(Path("/proc/self/maps"), 10)


def test_a_file_of_proc_is_read_to_its_end() -> None:
    file = Path("/proc/self/mountinfo")
    assert read_regular(file, 1 << 20) == file.read_bytes()


def test_a_small_file_takes_little_memory_however_large_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    tracemalloc.start()
    try:
        assert read_regular(tmp_path / "a", 1 << 26) == b"a"
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1 << 20


def test_a_whole_file_replaces_the_one_before_and_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"before")
    file.chmod(0o640)

    write_whole(file, b"after")

    assert file.read_bytes() == b"after"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", b"secret", private=True)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"somebody's")
    (tmp_path / "link").symlink_to(other)

    write_whole(tmp_path / "link", b"ours")

    assert other.read_bytes() == b"somebody's"
    assert (tmp_path / "link").read_bytes() == b"ours"
    assert not (tmp_path / "link").is_symlink()


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "a.json"
    file.write_bytes(b"before")
    monkeypatch.setattr("backend.files.writing.os.fsync", fail)

    with pytest.raises(OSError, match="No space"):
        write_whole(file, b"after")

    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_and_its_name_are_on_the_disk_when_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut right after it must not take back the name of a result that counts as written."""
    synced: list[list[str]] = []

    def sync(descriptor: int) -> None:
        is_folder = os.path.isdir(descriptor)  # noqa: PTH112 - of a descriptor
        synced.append(sorted(os.listdir(tmp_path)) if is_folder else ["a file"])  # noqa: PTH208

    monkeypatch.setattr("backend.files.writing.os.fsync", sync)
    write_whole(tmp_path / "a.json", b"after")
    assert synced == [["a file"], ["a.json"]]


def test_a_file_system_that_cannot_sync_folders_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(descriptor: int) -> None:
        if os.path.isdir(descriptor):  # noqa: PTH112 - of a descriptor
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr("backend.files.writing.os.fsync", sync)
    write_whole(tmp_path / "a.json", b"after")
    assert (tmp_path / "a.json").read_bytes() == b"after"


def test_a_file_that_is_written_in_pieces_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("before")

    def stop_half_way() -> None:
        with writing_whole(file) as half:
            half.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert file.read_text() == "before"
    with writing_whole(file) as pieces:
        pieces.write(b"one, ")
        assert file.read_text() == "before"
        pieces.write(b"two")
    assert file.read_text() == "one, two"
    assert list(tmp_path.iterdir()) == [file]
